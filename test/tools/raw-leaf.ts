import { once } from 'node:events';
import { sign } from 'node:crypto';
import { type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { serverTlsOptionsFor } from '../../shared/identity/tls.ts';

/**
 * A relay that was broken into: it has everything that its leaf node has, and speaks to the broker in that one's place, where
 * nothing holds it back. A real nats-server as a leaf obeys what the broker allows; this one does not.
 */
export class RawLeaf {
  /** Everything that came, as text. */
  heard = '';
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1');
      this.heard += text;
      if (text.includes('PING\r\n')) socket.write('PONG\r\n');
    });
    socket.on('error', () => undefined);
  }

  /** `jwt`, `key` (PEM): the credential; absent: the relay's own for its leaf node. */
  static async connect(
    port: number,
    identity: Identity,
    { jwt = identity.nats?.leaf?.jwt ?? '', key = identity.nats?.key ?? '' } = {},
  ): Promise<RawLeaf> {
    const plain = connect(port, '127.0.0.1');
    const [greeting] = (await once(plain, 'data')) as [Buffer];
    const info = JSON.parse(greeting.toString().slice('INFO '.length)) as { readonly nonce: string };
    const tls = serverTlsOptionsFor(identity);
    const socket = connectTls({ socket: plain, ...tls, checkServerIdentity: () => undefined, servername: 'x' });
    await once(socket, 'secureConnect');
    const leaf = new RawLeaf(socket);
    const sig = sign(null, Buffer.from(info.nonce), key).toString('base64url');
    const hello = { jwt, sig, server_id: `RAW${port}`, name: 'raw', headers: true, jetstream: true, domain: 'raw' };
    socket.write(`CONNECT ${JSON.stringify(hello)}\r\n`);
    return leaf;
  }

  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  subscribe(subject: string): void {
    this.#socket.write(`LS+ ${subject}\r\n`);
  }

  publish(subject: string, body: Uint8Array, reply?: string): void {
    this.#socket.write(`LMSG ${subject}${reply === undefined ? '' : ` ${reply}`} ${body.length}\r\n`);
    this.#socket.write(Buffer.concat([body, Buffer.from('\r\n')]));
  }

  close(): void {
    this.#socket.destroy();
  }
}
