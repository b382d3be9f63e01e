import { HostlerError } from '../../../shared/errors/error.ts';
import type { MediumText } from '../../../shared/distro/media.ts';

/** One name on a medium. */
export interface MediumEntry {
  /** Below the top, without leading slash. */
  readonly path: string;
  /** other: a device, a pipe, a name that is no text. */
  readonly kind: 'folder' | 'file' | 'link' | 'other';
  /** Bytes, of a file. */
  readonly size: number;
  readonly executable: boolean;
  /** Where a link points, as it stands there. */
  readonly link: string;
}

/** A medium that can be read, whatever it comes as. */
export interface OpenMedium {
  /** In the order in which reading is fastest. */
  readonly entries: readonly MediumEntry[];
  /** The content of one of the files, piece by piece; a piece is only good until the next one is asked for. */
  chunks(entry: MediumEntry): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** No medium that exists comes near it. */
export const mostEntries = 1_000_000;

/** Text files by which media are recognised are a few lines. */
const longestText = 256 * 1024;

/** What the recognition reads, read beforehand: it asks for what it wants without waiting. */
export async function mediumText(medium: OpenMedium): Promise<MediumText> {
  const names = new Map<string, string[]>();
  for (const { path } of medium.entries) {
    const cut = path.lastIndexOf('/');
    const folder = cut < 0 ? '' : path.slice(0, cut);
    const list = names.get(folder);
    if (list === undefined) names.set(folder, [path.slice(cut + 1)]);
    else list.push(path.slice(cut + 1));
  }
  const wanted =
    /^(?:\.disk\/info|README\.diskdefines|\.treeinfo|\.discinfo|content|media\.\d{1,3}\/(?:media|products))$/;
  const texts = new Map<string, string>();
  for (const entry of medium.entries) {
    if (entry.kind !== 'file' || entry.size > longestText || !wanted.test(entry.path)) continue;
    texts.set(entry.path, (await contentOf(medium, entry, longestText)).toString('utf8'));
  }
  return { text: (path) => texts.get(path), names: (folder) => names.get(folder) ?? [] };
}

/** A whole file. Throws `invalid_argument` for one that is longer than `most` bytes. */
export async function contentOf(medium: OpenMedium, entry: MediumEntry, most: number): Promise<Buffer> {
  if (entry.size > most) {
    throw new HostlerError(
      'invalid_argument',
      `${entry.path} on the medium has ${entry.size} bytes, more than ${most}.`,
    );
  }
  const parts: Buffer[] = [];
  for await (const part of medium.chunks(entry)) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}
