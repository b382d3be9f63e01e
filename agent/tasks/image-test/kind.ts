import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { printable } from '../../../shared/process/printable.ts';
import { run } from '../../../shared/process/run.ts';
import {
  imageTestKind,
  imageTestVersion,
  imageTestWord,
  usualHealthScript,
  type ImageHealth,
  type ImageHello,
  type ImageTestResult,
} from '../../../shared/task/image-test.ts';
import { kernelWords } from '../../../shared/identity/boot-token.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import { needBlob } from '../../store/need-blob.ts';
import { Fields, plainWord } from '../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { accelerators, machineArguments, machineFor, taskAddress } from './machine.ts';
import { openTestServer } from './server.ts';

/** hostler image test: boots a version up to its agent's hello and its health script. */
export const imageTest: TaskKind = {
  kind: imageTestKind,
  version: imageTestVersion,
  roles: ['build', 'store'],
  run: (context) => testImage(context),
};

/** A machine whose kernel says nothing for so long under KVM is started anew without it. */
const kvmSilenceMs = 15_000;
const lookMs = 500;
/** Lines of the console in a message. */
const tailLines = 25;

async function testImage(context: TaskContext): Promise<ImageTestResult> {
  const fields = new Fields(context.spec, 'image-test');
  const arch = plainWord(fields.text('arch'), 'The architecture');
  const machine = machineFor(arch);
  const from = fields.inner('from');
  const access: StoreAccess = { agent: from.text('agent'), endpoints: from.texts('endpoints') };
  const digest = (name: string): string => fields.inner(name).text('digest');
  const need = (name: string) => needBlob(digest(name), access, context.dir, context);
  const [kernel, initrd, root] = [await need('kernel'), await need('initrd'), await need('root')];
  const folder = join(context.home, 'image-tests');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const consoleFile = join(folder, `${fileName(fields.text('version'))}.console`);
  const seconds = Number((context.spec as { readonly timeoutSeconds?: unknown }).timeoutSeconds);
  const timeoutMs = Math.min(Math.max(seconds || 600, 10), 7200) * 1000;
  const attempt = new Attempt(context, timeoutMs, consoleFile, fields.text('health') || usualHealthScript);
  const signed = fields.text('signature');
  const words = [
    `console=${machine.console}`,
    `${kernelWords.server}=http://${taskAddress}`,
    `${kernelWords.image}=${digest('root')}`,
    `${kernelWords.node}=image-test`,
    `${imageTestWord}=http://${taskAddress}`,
    ...(signed === '' ? [] : [`hostler.manifest=${fields.text('manifest')}`, `hostler.signature=${signed}`]),
    ...(fields.text('method') === 'squashfs' ? [] : [`hostler.format=${fields.text('method')}`]),
    'panic=-1',
    ...fields.text('words').split(/\s+/).filter(isTestable),
  ];
  const files = {
    kernel: kernel.file,
    initrd: initrd.file,
    words,
    megabytes: 1024 + Math.ceil((root.bytes / 2 ** 20) * (fields.text('method') === 'squashfs' ? 1.2 : 4)),
    console: consoleFile,
  };
  return attempt.run(machine, accelerators(arch), files, new Map([[digest('root'), root.file]]));
}

/** Words for the installed system, and consoles that the machine has not, mean nothing here. */
function isTestable(word: string): boolean {
  return word !== '' && !word.startsWith('R::') && !word.startsWith('console=');
}

function fileName(version: string): string {
  return version.replace(/[^\w.@+-]/g, '_').slice(0, 200);
}

class Attempt {
  readonly #context: TaskContext;
  readonly #timeoutMs: number;
  readonly #console: string;
  readonly #health: string;
  readonly #began = Date.now();
  #hello: { readonly said: ImageHello; readonly seconds: number } | undefined;
  #result: ImageHealth | undefined;
  #trouble = '';

  constructor(context: TaskContext, timeoutMs: number, console: string, health: string) {
    this.#context = context;
    this.#timeoutMs = timeoutMs;
    this.#console = console;
    this.#health = health;
  }

  async run(
    machine: ReturnType<typeof machineFor>,
    accelerated: readonly string[],
    files: Omit<Parameters<typeof machineArguments>[2], 'relay'>,
    blobs: ReadonlyMap<string, string>,
  ): Promise<ImageTestResult> {
    // A short path: sockets take no more than 107 bytes.
    const folder = await mkdtemp(join(tmpdir(), 'hostler-test-'));
    const socket = join(folder, 'http');
    const relay = join(folder, 'relay.cjs');
    await writeFile(relay, relayText, { mode: 0o600 });
    const server = await openTestServer(socket, {
      blobs,
      health: this.#health,
      progress: (stage, detail) => this.#progress(stage, detail),
      hello: (said) => {
        this.#hello = { said, seconds: this.#seconds() };
        this.#context.progress('hello', `the agent ${said.version} of the image says hello`);
      },
      healthSaid: (health) => (this.#result = health),
    });
    try {
      for (const accelerator of accelerated) {
        const args = machineArguments(machine, accelerator, { ...files, relay: [process.execPath, relay, socket] });
        if (await this.#boot(machine.program, args, accelerator)) return await this.#judge(accelerator);
        this.#context.log(`${accelerator} does not work on this host; trying without it.`);
      }
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    }
    throw new HostlerError('internal', 'unreachable: the last accelerator decides');
  }

  /** False: this accelerator is not worth waiting for. */
  async #boot(program: string, args: readonly string[], accelerator: string): Promise<boolean> {
    this.#context.progress('boot', `starting a machine (${accelerator})`);
    await rm(this.#console, { force: true });
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(this.#context.signal.reason);
    this.#context.signal.addEventListener('abort', onAbort, { once: true });
    let ended: string | undefined;
    const started = Date.now();
    const over = run(program, args, { signal: stop.signal, allowExit: 'any', keepBytes: 8192, graceMs: 1000 }).then(
      ({ exit, stderr }) => (ended = `the machine stopped (exit ${exit}) ${stderr.trim().slice(0, 500)}`),
      (error: unknown) => (ended = HostlerError.from(error).message),
    );
    try {
      while (this.#result === undefined && ended === undefined) {
        if (Date.now() - this.#began > this.#timeoutMs) {
          this.#trouble = `${this.#timeoutMs / 1000} s were not enough`;
          return true;
        }
        if (accelerator === 'kvm' && Date.now() - started > kvmSilenceMs && (await this.#tail()).length === 0)
          return false;
        await delay(lookMs, undefined, { signal: this.#context.signal });
      }
      if (this.#result === undefined) {
        if (accelerator === 'kvm' && (await this.#tail()).length === 0) return false;
        this.#trouble = ended ?? '';
      }
      return true;
    } finally {
      this.#context.signal.removeEventListener('abort', onAbort);
      stop.abort(new HostlerError('cancelled', 'the test has ended'));
      await over;
    }
  }

  async #judge(accelerator: string): Promise<ImageTestResult> {
    const result = this.#result;
    const hello = this.#hello;
    if (result?.exit === 0 && hello !== undefined) {
      return {
        helloSeconds: hello.seconds,
        seconds: this.#seconds(),
        kernel: printable(hello.said.kernel).slice(0, 100),
        output: printable(result.output).slice(-2000),
        console: this.#console,
        accelerator,
      };
    }
    const what =
      result !== undefined
        ? `its health script failed (exit ${result.exit}):\n${printable(result.output).slice(-2000)}`
        : `${hello === undefined ? 'its agent never said hello' : 'its health script never ended'}: ${this.#trouble}.`;
    const tail = (await this.#tail()).join('\n');
    throw new HostlerError(
      'failed_precondition',
      `The image does not pass: ${what}\nThe console (${this.#console}) ends so:\n${tail}`,
    );
  }

  async #tail(): Promise<string[]> {
    const text = await readFile(this.#console, 'latin1').catch(() => '');
    const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
    return lines.slice(-tailLines).map((line) => printable(line));
  }

  #progress(stage: string, detail: string): void {
    if (stage === 'failed') this.#context.log(`the initrd says: ${printable(detail).slice(0, 300)}`);
    this.#context.progress('boot', `${printable(stage).slice(0, 40)} ${printable(detail).slice(0, 100)}`);
  }

  #seconds(): number {
    return Math.round((Date.now() - this.#began) / 100) / 10;
  }
}

/** The machine's connections, each by a process of its own, to the socket of the task. */
const relayText = `const other = require('net').connect(process.argv[2]);
process.stdin.pipe(other);
other.pipe(process.stdout);
other.on('close', () => process.exit(0));
other.on('error', () => process.exit(1));
process.stdout.on('error', () => process.exit(0));
`;
