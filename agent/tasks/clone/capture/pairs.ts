import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { HostlerError } from '../../../../shared/errors/error.ts';

/**
 * Joins connections of two unix sockets one to one: what the golden client opened, and what our own rsync asks for
 * through its helper. Whichever comes first waits.
 */
export class Pairs {
  readonly #waiting: { golden: Socket[]; rsync: Socket[] } = { golden: [], rsync: [] };
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #files: readonly string[];

  private constructor(files: readonly string[]) {
    this.#files = files;
  }

  static async open(golden: string, rsync: string): Promise<Pairs> {
    const pairs = new Pairs([golden, rsync]);
    for (const [side, file] of [
      ['golden', golden],
      ['rsync', rsync],
    ] as const) {
      if (Buffer.byteLength(file) > 107) {
        throw new HostlerError(
          'invalid_argument',
          `The socket path ${file} is too long. Choose a shorter home folder for the agent.`,
        );
      }
      await rm(file, { force: true });
      const server = createServer((socket) => pairs.#came(side, socket));
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(file, resolve));
      pairs.#servers.push(server);
    }
    return pairs;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    for (const file of this.#files) await rm(file, { force: true });
  }

  #came(side: 'golden' | 'rsync', socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#waiting[side] = this.#waiting[side].filter((one) => one !== socket);
    });
    const other = this.#waiting[side === 'golden' ? 'rsync' : 'golden'].shift();
    if (other === undefined) {
      this.#waiting[side].push(socket);
      return;
    }
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      one.pipe(two);
      one.on('close', () => two.destroySoon());
    }
  }
}
