import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { run } from '../../shared/process/run.ts';

export interface BootedMachineOptions {
  /** What comes before a program's arguments, so that it runs in the machine's network namespace. */
  readonly under: readonly string[];
  /** Of this machine alone. */
  readonly dir: string;
  /** The card that it boots from. */
  readonly card: string;
  /** `http://ADDRESS` of its boot server. */
  readonly server: string;
  /** The built agent. */
  readonly agent: string;
  /** What genimage wrote into the image, /opt/hostler/agent.json. */
  readonly settings: { readonly mode: 'once' | 'stay'; readonly roles?: readonly string[] };
}

/*
 * A root over this machine's, in memory, with what an initrd of ours leaves: kernel words, boot id, boot record. Arguments:
 * folder, then the files there.
 */
const enter = `
dir=$1
mkdir -p "$dir/memory"
mount -t tmpfs -o size=512m,mode=0755 memory "$dir/memory"
cd "$dir/memory"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
for name in dev proc sys; do mount --rbind "/$name" "root/$name"; done
mount -t tmpfs -o mode=0755 run root/run
mount --bind "$dir/cmdline" root/proc/cmdline
mount --bind "$dir/boot_id" root/proc/sys/kernel/random/boot_id
mkdir -p root/run/hostler root/opt/hostler root/before
cp "$dir/boot.json" root/run/hostler/boot.json
cp "$dir/agent.json" "$dir/hostler-agent" root/opt/hostler/
cd root
pivot_root . before
umount -l /before
exec "$2" /opt/hostler/hostler-agent --boot
`;

/**
 * A node that has booted an image, as far as its agent can tell: in a network namespace, with a root of its own, with the kernel
 * command line that its boot server gives it. No virtual machine, so a boot takes a second; needs root.
 */
export class BootedMachine {
  readonly #options: BootedMachineOptions;
  #child: ChildProcess | undefined;

  constructor(options: BootedMachineOptions) {
    this.#options = options;
    mkdirSync(options.dir, { recursive: true });
  }

  /** What its console shows, of all boots. */
  get console(): string {
    return readFileSync(join(this.#options.dir, 'console'), 'utf8');
  }

  async mac(): Promise<string> {
    return (await this.inside('cat', `/sys/class/net/${this.#options.card}/address`)).trim();
  }

  async inside(...argv: readonly string[]): Promise<string> {
    const [program = '', ...args] = [...this.#options.under, ...argv];
    return (await run(program, args, { timeoutMs: 60_000 })).stdout;
  }

  /** Power on: asks the boot server as iPXE does, and starts what it says. Returns the boot id. */
  async boot(): Promise<string> {
    const { dir, card, server, agent, settings, under } = this.#options;
    const mac = await this.mac();
    const script = await this.inside('curl', '-sf', '-m', '20', `${server}/boot/${mac.replaceAll(':', '-')}.ipxe`);
    const [, kernel, words] = /^kernel (\S+) (.*?) \|\| /m.exec(script) ?? [];
    if (kernel === undefined || words === undefined) throw new Error(`There is no kernel in:\n${script}`);
    // By this the server knows that it is a boot, and has a token for it.
    await this.inside('curl', '-sf', '-m', '20', '-o', join(dir, 'kernel'), kernel);
    const digest = /\bhostler\.image=(\S+)/.exec(words)?.[1] ?? '';
    const bootId = randomUUID();
    const stages = { initrd: 1, network: 2, image: 3, switched: 4 };
    const put = (name: string, content: string | Buffer): void => writeFileSync(join(dir, name), content);
    put('cmdline', `${words}\n`);
    put('boot_id', `${bootId}\n`);
    put('boot.json', JSON.stringify({ digest, server, mac, interface: card, node: '', stages }));
    put('agent.json', JSON.stringify(settings));
    put('hostler-agent', readFileSync(agent));
    const output = openSync(join(dir, 'console'), 'a');
    const [program = '', ...args] = [
      ...[...under, 'unshare', '--mount', '--propagation', 'private', '--', 'sh', '-eu', '-c', enter, 'sh'],
      ...[dir, process.execPath],
    ];
    this.#child = spawn(program, args, { stdio: ['ignore', output, output], env: { PATH: process.env['PATH'] } });
    closeSync(output);
    return bootId;
  }

  /** Resolves with the exit code when it ends by itself. */
  async ends(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const [exit] = (await once(child, 'exit')) as [number | null];
    return exit;
  }

  /** Pulls the plug: what it kept in memory is gone. What it had started goes on only in programs of its own. */
  async off(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(late);
  }
}
