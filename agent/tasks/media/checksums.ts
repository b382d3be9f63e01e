import { treeInfo } from '../../../shared/distro/media-el.ts';
import { contentOf } from './medium.ts';
import type { OpenMedium } from './medium.ts';

export interface Digest {
  readonly algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512';
  /** Hexadecimal, lower case. */
  readonly hex: string;
}

const byLength: Readonly<Record<number, Digest['algorithm']>> = { 32: 'md5', 40: 'sha1', 64: 'sha256', 128: 'sha512' };

/** What the program that makes an ISO writes into after the lists were made: addresses on the disc. */
const patched = /(?:^|\/)(?:isolinux\.bin|boot\.cat|eltorito\.img|efi(?:boot)?\.img|md5sum\.txt)$/;

const mostBytes = 64 * 1024 * 1024;

type Reader = (text: string, add: (path: string, hex: string) => void) => void;

/** Lists of digests that media carry at their top; the weaker first, so that the stronger counts. */
const lists: readonly (readonly [name: string, read: Reader])[] = [
  ['md5sum.txt', sumLines],
  ['MD5SUMS', sumLines],
  ['sha256sum.txt', sumLines],
  ['SHA256SUMS', sumLines],
  // SUSE and openSUSE 15
  ['CHECKSUMS', sumLines],
  // SLES 11 and 12: `HASH SHA256 digest  path`, `META SHA256 digest  path below suse/setup/descr`
  ['content', contentLines],
  // EL: section checksums, `path = sha256:digest`
  ['.treeinfo', treeLines],
];

/** By path: what the medium says of its own files. */
export async function digestsOf(medium: OpenMedium): Promise<Map<string, Digest>> {
  const found = new Map<string, Digest>();
  for (const [name, read] of lists) {
    const entry = medium.entries.find(({ path, kind }) => path === name && kind === 'file');
    if (entry === undefined) continue;
    const text = (await contentOf(medium, entry, mostBytes)).toString('utf8');
    read(text, (path, hex) => {
      const algorithm = byLength[hex.length];
      const plain = path.replace(/^\*?(?:\.?\/)*/, '');
      if (algorithm !== undefined && !patched.test(plain)) found.set(plain, { algorithm, hex: hex.toLowerCase() });
    });
  }
  return found;
}

function sumLines(text: string, add: (path: string, hex: string) => void): void {
  for (const match of text.matchAll(/^\\?([0-9a-fA-F]{32,128})[ \t]+(\S.*?)\r?$/gm))
    add(match[2] ?? '', match[1] ?? '');
}

function contentLines(text: string, add: (path: string, hex: string) => void): void {
  for (const match of text.matchAll(/^(HASH|KEY|META) \S+ ([0-9a-fA-F]{32,128}) +(\S+)/gm)) {
    const [, word, hex = '', path = ''] = match;
    add(word === 'META' ? `suse/setup/descr/${path}` : path, hex);
  }
}

function treeLines(text: string, add: (path: string, hex: string) => void): void {
  for (const [key, value] of treeInfo(text)) {
    const hex = /^(?:md5|sha\d+):([0-9a-fA-F]+)$/.exec(value)?.[1];
    if (hex !== undefined && key.startsWith('checksums.')) add(key.slice('checksums.'.length), hex);
  }
}
