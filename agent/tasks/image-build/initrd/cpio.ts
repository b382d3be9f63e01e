/**
 * The archive format that Linux unpacks as its first root (cpio "newc", Documentation/driver-api/early-userspace).
 * Written here and not by cpio(1): device nodes need no privilege, owners and times are fixed, order is ours, so the
 * same content is the same archive.
 */
export type CpioEntry =
  | { readonly path: string; readonly kind: 'folder'; readonly mode?: number }
  | { readonly path: string; readonly kind: 'file'; readonly mode?: number; readonly content: Uint8Array }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | {
      readonly path: string;
      readonly kind: 'character';
      readonly mode?: number;
      readonly device: readonly [major: number, minor: number];
    };

const kinds = { folder: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000 } as const;
const defaultModes = { folder: 0o755, file: 0o644, link: 0o777, character: 0o600 } as const;

/** The archive in pieces; entries in the order given, folders must come before what they hold. */
export async function* cpio(entries: AsyncIterable<CpioEntry> | Iterable<CpioEntry>): AsyncGenerator<Uint8Array> {
  let inode = 1;
  for await (const entry of entries) {
    const content = entry.kind === 'file' ? entry.content : Buffer.from(entry.kind === 'link' ? entry.target : '');
    const mode = kinds[entry.kind] | (('mode' in entry ? entry.mode : undefined) ?? defaultModes[entry.kind]);
    const device = entry.kind === 'character' ? entry.device : ([0, 0] as const);
    yield header({ inode, mode, bytes: content.length, device, path: entry.path });
    if (content.length > 0) yield content;
    yield padding(content.length);
    inode += 1;
  }
  yield header({ inode: 0, mode: 0, bytes: 0, device: [0, 0], path: 'TRAILER!!!' });
}

interface Header {
  readonly inode: number;
  readonly mode: number;
  readonly bytes: number;
  readonly device: readonly [number, number];
  readonly path: string;
}

function header({ inode, mode, bytes, device, path }: Header): Uint8Array {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, time, size, device of the file (2), device it names (2), length of name, check sum
  const fields = [inode, mode, 0, 0, 1, 0, bytes, 0, 0, ...device, name.length, 0];
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([Buffer.from(text), name, padding(text.length + name.length)]);
}

function padding(length: number): Uint8Array {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
