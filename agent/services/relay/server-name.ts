/** The first byte of a TLS connection: a handshake record. */
export const handshakeRecord = 0x16;

const clientHello = 1;
const serverNames = 0;
const hostName = 0;

/** A first record longer than this is no hello of ours, in bytes. */
const longestRecord = 16 * 1024;

/** What the bytes that came so far say: the first message goes on, or it asks for that name, or (undefined) for none. */
type Asked = { readonly isWhole: false } | { readonly isWhole: true; readonly name: string | undefined };

/** The name that a TLS client asks for in its first message (RFC 6066, server_name). */
export function serverNameIn(bytes: Buffer): Asked {
  const head = 5;
  if (bytes.length > 0 && bytes[0] !== handshakeRecord) return { isWhole: true, name: undefined };
  if (bytes.length < head) return { isWhole: false };
  const end = head + bytes.readUInt16BE(3);
  if (end > head + longestRecord) return { isWhole: true, name: undefined };
  if (bytes.length < end) return { isWhole: false };
  try {
    return { isWhole: true, name: nameIn(new Reader(bytes.subarray(head, end))) };
  } catch {
    return { isWhole: true, name: undefined }; // It ends where something should follow.
  }
}

function nameIn(hello: Reader): string | undefined {
  if (hello.number(1) !== clientHello) return undefined;
  hello.bytes(3 + 2 + 32); // its length, version, random
  hello.bytes(hello.number(1)); // session
  hello.bytes(hello.number(2)); // ciphers
  hello.bytes(hello.number(1)); // compression
  const extensions = new Reader(hello.bytes(hello.number(2)));
  while (extensions.left > 0) {
    const kind = extensions.number(2);
    const content = new Reader(extensions.bytes(extensions.number(2)));
    if (kind !== serverNames) continue;
    const names = new Reader(content.bytes(content.number(2)));
    return names.number(1) === hostName ? names.bytes(names.number(2)).toString('latin1') : undefined;
  }
  return undefined;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Throws RangeError beyond the end, as `bytes` does. */
  number(width: 1 | 2): number {
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }

  bytes(count: number): Buffer {
    if (count > this.left) throw new RangeError('too short');
    const found = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return found;
  }
}
