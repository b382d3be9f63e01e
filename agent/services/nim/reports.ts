import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HostlerError } from '../../../shared/errors/error.ts';
import { serverTlsOptionsFor, type TlsIdentity } from '../../../shared/identity/tls.ts';
import { printable } from '../../../shared/process/printable.ts';
import type { NimStage, NodeEvent } from '../../../shared/task/node-events.ts';
import { sendText } from '../../store/send-file.ts';
import { isNimName } from '../../tasks/nim/names.ts';
import { readReporter, reportPlace, writeReporter, type Reporter } from '../../tasks/nim/reporters.ts';

export interface NimReportsOptions {
  readonly home: string;
  readonly identity: () => TlsIdentity;
  readonly report: (event: NodeEvent) => void;
  readonly log: (line: string) => void;
  readonly now?: () => number;
}

const longestBody = 4096;
/** Somebody else who speaks for a node is told of so often at most. */
const refusalEveryMs = 60_000;

/**
 * Hears AIX nodes, which have no agent of their own: `POST /nim/register` when one is up, `POST /nim/status` when its
 * postscripts have ended. Bodies are lines of a word and a value. Nodes know this server by the cluster's authority; they
 * are known by the address that the registry has for them, and only while they are set up here.
 */
export class NimReports {
  readonly #options: NimReportsOptions;
  readonly #servers = new Map<string, Server>();
  readonly #troubled = new Map<string, string>();
  readonly #refused = new Map<string, number>();
  /** One after the other: what is handed out once is handed out once. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NimReportsOptions) {
    this.#options = options;
  }

  /** Listens where nodes were told to report; called again and again. */
  async listen(): Promise<void> {
    const place = await reportPlace(this.#options.home);
    for (const host of place?.hosts ?? []) {
      const name = `${host}:${String(place?.port ?? 0)}`;
      if (this.#servers.has(name)) continue;
      try {
        this.#servers.set(name, await this.#open(host, place?.port ?? 0));
        this.#troubled.delete(name);
        this.#options.log(`AIX nodes report at ${name}.`);
      } catch (thrown) {
        const { message } = HostlerError.from(thrown);
        if (this.#troubled.get(name) === message) continue;
        this.#troubled.set(name, message);
        this.#options.log(`AIX nodes cannot report at ${name}: ${message}. Their states are seen by NIM alone.`);
      }
    }
  }

  /** The ports that are open, for tests. */
  ports(): number[] {
    return [...this.#servers.values()].flatMap((server) => {
      const bound = server.address();
      return typeof bound === 'object' && bound !== null ? [bound.port] : [];
    });
  }

  renewed(): void {
    for (const server of this.#servers.values()) server.setSecureContext(serverTlsOptionsFor(this.#options.identity()));
  }

  async stop(): Promise<void> {
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    await Promise.all(
      servers.map((server) => {
        server.closeAllConnections();
        return new Promise((done) => server.close(done));
      }),
    );
  }

  async #open(host: string, port: number): Promise<Server> {
    const server = createServer(
      { ...serverTlsOptionsFor(this.#options.identity()), headersTimeout: 10_000, requestTimeout: 20_000 },
      (request, response) => {
        response.setHeader('Connection', 'close');
        response.setHeader('Cache-Control', 'no-store');
        this.#answer(request, response).catch((thrown: unknown) => {
          this.#options.log(`A report of an AIX node failed: ${HostlerError.from(thrown).message}`);
          if (!response.headersSent) sendText(response, 500, 'failed\n');
        });
      },
    );
    server.maxConnections = 256;
    server.on('clientError', (_error, socket) => socket.destroy());
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen({ host, port }, () => {
        server.off('error', fail);
        done();
      });
    });
    server.on('error', (error) => this.#options.log(`The server for AIX nodes: ${error.message}`));
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const words = await readWords(request);
    const name = words?.get('node') ?? '';
    const what = /^\/nim\/(register|status)$/.exec(request.url ?? '')?.[1];
    if (request.method !== 'POST' || what === undefined || words === undefined || !isNimName(shortOf(name))) {
      sendText(response, 400, 'not understood\n');
      return;
    }
    const turn = this.#turn.then(() => this.#hear(what, shortOf(name), words, addressOf(request)));
    this.#turn = turn.catch(() => undefined);
    const { status, text } = await turn;
    sendText(response, status, text);
  }

  async #hear(
    what: string,
    name: string,
    words: ReadonlyMap<string, string>,
    from: string,
  ): Promise<{ status: number; text: string }> {
    const reporter = await readReporter(this.#options.home, name);
    if (reporter === undefined) return this.#refuse(undefined, `${name} was not set up here`, from);
    if (from !== reporter.address) return this.#refuse(reporter, `this is not the address of ${name}`, from);
    const at = (this.#options.now ?? Date.now)();
    const { root, ...rest } = reporter;
    // Written before it is told: after a crash a password is not handed out a second time.
    const hands = what === 'register' && root !== undefined;
    if (reporter.spokeAt === undefined || hands)
      await writeReporter(this.#options.home, { ...(hands ? rest : reporter), spokeAt: at });
    if (what === 'register') {
      const level = words.get('level') ?? '';
      const model = words.get('model') ?? '';
      this.#tell(reporter, 'nim-postbooting', `registered${level && `, AIX ${level}`}${model && ` on ${model}`}`, at);
      return { status: 200, text: hands ? `ok\nroot ${root}\n` : 'ok\n' };
    }
    const state = words.get('state');
    if (state !== 'booted' && state !== 'failed') return { status: 400, text: 'state must be booted or failed\n' };
    this.#tell(reporter, `nim-${state}`, words.get('detail') ?? '', at);
    return { status: 200, text: 'ok\n' };
  }

  #refuse(reporter: Reporter | undefined, why: string, from: string): { status: number; text: string } {
    const now = (this.#options.now ?? Date.now)();
    const key = reporter?.name ?? '';
    if (now - (this.#refused.get(key) ?? -refusalEveryMs) >= refusalEveryMs) {
      this.#refused.set(key, now);
      this.#options.log(`A report was refused: ${why} (from ${from})`);
      if (reporter) this.#tell(reporter, 'nim-refused', `${why} (from ${from})`, now);
    }
    return { status: 403, text: `${why}\n` };
  }

  #tell(reporter: Reporter, stage: NimStage, detail: string, at: number): void {
    const line = printable(detail).replaceAll(/\s+/g, ' ').trim().slice(0, 300);
    this.#options.report({ node: reporter.node, stage, at, mac: '', bootId: '', detail: line });
  }
}

/** NIM's names have no dots. */
function shortOf(name: string): string {
  return name.split('.')[0] ?? name;
}

function addressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

async function readWords(request: IncomingMessage): Promise<ReadonlyMap<string, string> | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length <= longestBody) pieces.push(piece);
  }
  if (length > longestBody) return undefined;
  const words = new Map<string, string>();
  for (const line of Buffer.concat(pieces).toString('utf8').split('\n')) {
    const [, word, value] = /^([a-z]+)\s+(.*?)\s*$/.exec(line) ?? [];
    if (word !== undefined && value !== undefined) words.set(word, value);
  }
  return words;
}
