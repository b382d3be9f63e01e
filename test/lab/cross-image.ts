import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emulates } from '../../agent/facts/emulates.ts';
import { machineFor } from '../../agent/tasks/image-test/machine.ts';
import { removeTree } from '../../agent/tasks/image-tree/remove.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { which } from '../../shared/process/which.ts';
import { type Command, type Ended, commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';
import { testCache } from './golden-tree.ts';

/** What this machine lacks to build an image of that architecture and to boot it; undefined: nothing. */
export function lackFor(arch: string): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  const program = ['mmdebstrap', 'mksquashfs', 'zstd'].find((one) => which(one) === undefined);
  if (program !== undefined) return program;
  if (!emulates('/').includes(arch)) return `an emulator of ${arch} programs registered with the kernel`;
  try {
    machineFor(arch);
  } catch {
    return `a virtual machine of ${arch}`;
  }
  return undefined;
}

/** What consoles of the virtual machines said in which the agent with that home tested images. */
export async function consolesOf(agentHome: string): Promise<string> {
  const folder = join(agentHome, 'image-tests');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.console'));
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')))).join('\n');
}

/**
 * Lets the agent in that home, which was not started yet or has built nothing, use what builds of earlier runs kept:
 * downloads, and layers while the code that builds is the same.
 */
export async function shareCaches(agentHome: string): Promise<void> {
  const hash = createHash('sha256');
  for (const room of ['agent/tasks/image-build', 'agent/tasks/image-tree', 'shared/distro']) {
    const files = await readdir(join(root, room), { recursive: true, withFileTypes: true });
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
    for (const path of paths.sort()) hash.update(await readFile(path));
  }
  const kept = join(testCache, 'cross');
  const code = join(kept, hash.digest('hex').slice(0, 12));
  // Of code that is no more: layers take gigabytes.
  for (const name of await readdir(kept).catch(() => []))
    if (join(kept, name) !== code && name !== 'debs') await removeTree(join(kept, name));
  await mkdir(join(agentHome, 'cache'), { recursive: true, mode: 0o700 });
  for (const [name, folder] of [
    ['image', join(code, 'image')],
    ['apt', join(code, 'apt')],
    ['debs', join(kept, 'debs')],
  ] as const) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rm(join(agentHome, 'cache', name), { recursive: true, force: true });
    await symlink(folder, join(agentHome, 'cache', name));
  }
}

/** A site with one agent, which builds images of an architecture that is not its own. */
export class CrossSite {
  readonly dir: string;
  readonly manager: RealManager;
  readonly command: Command;

  private constructor(dir: string, manager: RealManager) {
    this.dir = dir;
    this.manager = manager;
    this.command = commandsFor(manager.env);
  }

  /** `cached`: what builds of earlier runs kept is used. */
  static async open(cached = false): Promise<CrossSite> {
    const dir = await mkdtemp(join(tmpdir(), 'hostler-cross-'));
    const manager = await RealManager.start(['--agent-roles', 'build,store', '--install-dir', join(dir, 'install')]);
    const site = new CrossSite(dir, manager);
    try {
      await eventually(
        'the agent is connected',
        async () => (await site.command('hostler', ['agents'])).stdout.includes('connected'),
        { timeoutMs: 30_000 },
      );
      if (cached) await shareCaches(join(manager.home, 'agent'));
      return site;
    } catch (thrown) {
      await site.close();
      throw thrown;
    }
  }

  /** An osimage with nothing but what every image has, its tree in `<dir>/<name>`. */
  async define(name: string, arch: string, more: readonly string[] = []): Promise<void> {
    const lists = join(this.dir, 'lists');
    await mkdir(lists, { recursive: true });
    await writeFile(join(lists, 'pkglist'), '# nothing more\n');
    // Modules stay: a unit that misses one counts as failed.
    await writeFile(join(lists, 'exlist'), './usr/share/doc/*\n./usr/share/locale/*\n./usr/share/man/*\n');
    const { exit, stderr } = await this.command('mkdef', [
      ...['-t', 'osimage', name, 'imagetype=linux', 'osname=Linux', 'osvers=debian12', `osarch=${arch}`],
      ...['profile=compute', 'provmethod=netboot', `pkglist=${lists}/pkglist`, `exlist=${lists}/exlist`],
      ...[`rootimgdir=${join(this.dir, name)}`, ...more],
    ]);
    if (exit !== 0) throw new Error(stderr);
  }

  /** One command to its end; throws what it said when it fails. */
  async done(name: string, ...args: string[]): Promise<Ended> {
    const ended = await this.command(name, args, { timeoutMs: 900_000 });
    if (ended.exit !== 0) {
      const log = await readFile(this.manager.log, 'utf8').catch(() => '');
      throw new Error(
        `${name} ${args.join(' ')}: exit ${ended.exit}\n${ended.stdout}${ended.stderr}${log.slice(-1000)}`,
      );
    }
    return ended;
  }

  async close(): Promise<void> {
    await this.manager.dispose();
    await rm(this.dir, { recursive: true, force: true });
  }
}
