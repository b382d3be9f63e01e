/**
 * The list of package headers that `rpmdb --exportdb` writes: each 8 bytes of magic, then two numbers, then as many
 * index entries of 16 bytes (tag, type, offset, count), then as many bytes of data. All numbers are big-endian.
 */
const magic = 0x8eade801;
const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  buildTime: 1006,
  installTime: 1008,
  arch: 1022,
  installId: 1128,
};
const int32 = 4;

interface Header {
  /** The whole of it, magic included. */
  readonly bytes: Buffer;
  readonly offsets: ReadonlyMap<number, { readonly at: number; readonly type: number }>;
}

/**
 * The same packages sorted by name, version and architecture, each installed when it was built: two trees of equal
 * packages have equal databases then, whatever day they were made on and in whatever order. Throws for what is no such list.
 */
export function sortedHeaders(list: Buffer): Buffer {
  const headers: { key: string; bytes: Buffer }[] = [];
  for (let at = 0; at < list.length;) {
    const header = headerAt(list, at);
    at += header.bytes.length;
    const built = numberOf(header, tags.buildTime) ?? 0;
    for (const tag of [tags.installTime, tags.installId]) {
      const place = header.offsets.get(tag);
      if (place?.type === int32) header.bytes.writeUInt32BE(built, place.at);
    }
    const key = [tags.name, tags.version, tags.release, tags.arch].map((tag) => textOf(header, tag)).join('\0');
    headers.push({ key, bytes: header.bytes });
  }
  headers.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : Buffer.compare(a.bytes, b.bytes)));
  return Buffer.concat(headers.map((header) => header.bytes));
}

function headerAt(list: Buffer, start: number): Header {
  if (list.length < start + 16 || list.readUInt32BE(start) !== magic) {
    throw new RangeError(`no package header at byte ${start} of ${list.length}`);
  }
  const entries = list.readUInt32BE(start + 8);
  const size = list.readUInt32BE(start + 12);
  const data = 16 + entries * 16;
  const length = data + size;
  if (length > list.length - start) throw new RangeError(`the package header at byte ${start} is cut off`);
  const bytes = Buffer.from(list.subarray(start, start + length));
  const offsets = new Map<number, { at: number; type: number }>();
  for (let index = 0; index < entries; index += 1) {
    const at = 16 + index * 16;
    offsets.set(bytes.readUInt32BE(at), { type: bytes.readUInt32BE(at + 4), at: data + bytes.readUInt32BE(at + 8) });
  }
  return { bytes, offsets };
}

function textOf(header: Header, tag: number): string {
  const place = header.offsets.get(tag);
  if (place === undefined) return '';
  const end = header.bytes.indexOf(0, place.at);
  return header.bytes.toString('utf8', place.at, end < 0 ? header.bytes.length : end);
}

function numberOf(header: Header, tag: number): number | undefined {
  const place = header.offsets.get(tag);
  return place?.type === int32 && place.at + 4 <= header.bytes.length ? header.bytes.readUInt32BE(place.at) : undefined;
}
