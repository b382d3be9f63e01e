import { HostlerError } from '../../../shared/errors/error.ts';
import { imageStatement, isSigned } from '../../../shared/identity/image-statement.ts';
import { attribute, commaList } from '../../../shared/objects/index.ts';
import type { BlobRef, StoreAccess } from '../../../shared/task/blob.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { Row, View } from '../../../shared/verb/view.ts';

/** A packed image, as the registry has it. Its files never change; what is known about it may. */
export interface Version {
  /** `<osimage>@<first 12 digits of the manifest's sha256>` */
  readonly name: string;
  readonly osimage: string;
  readonly row: Row;
  /** sha256 of the root file system: what nodes say that they run. */
  readonly root: string;
  /** Milliseconds since the epoch. */
  readonly packedAt: number;
  readonly current: boolean;
  /** It is being taken away: nobody may use it any more. */
  readonly removing: boolean;
}

/** Files of a version, by the columns that name them. */
const files = ['root', 'kernel', 'initrd', 'manifest', 'bom', 'files'] as const;

/** All versions, or those of one osimage; the newest first. */
export function versionsOf(known: View, osimage?: string): Version[] {
  const found: Version[] = [];
  for (const [name, row] of known.rows('image')) {
    const of = row['image.osimage'] ?? '';
    if (osimage === undefined || of === osimage) found.push(versionOf(known, name, row));
  }
  return found.sort((a, b) => b.packedAt - a.packedAt || (a.name < b.name ? -1 : 1));
}

/** By its whole name. */
export function versionNamed(known: View, name: string): Version | undefined {
  const row = known.row('image', name);
  return row === undefined ? undefined : versionOf(known, name, row);
}

function versionOf(known: View, name: string, row: Row): Version {
  const osimage = row['image.osimage'] ?? name.split('@', 1)[0] ?? '';
  return {
    name,
    osimage,
    row,
    root: row['image.root'] ?? '',
    packedAt: Date.parse(row['image.packedat'] ?? '') || 0,
    current: currentName(known, osimage) === name,
    removing: row['image.state'] === 'removing',
  };
}

/** The version that nodeset gives to nodes; undefined where none was packed. */
export function currentName(known: View, osimage: string): string | undefined {
  const row = known.row('osimage', osimage);
  const digest = row?.['hostler.current'] ?? '';
  // Before versions were named by their manifest they were named by their root.
  return row?.['hostler.version'] ?? (digest === '' ? undefined : `${osimage}@${digest.slice(0, 12)}`);
}

/**
 * What a word means: `OSIMAGE@DIGEST` with any beginning of the digest, a beginning of at least four digits alone,
 * `OSIMAGE@3` for the third version that was made, or an osimage, which means its current version. Throws `not_found`, and `invalid_argument` for what means several.
 */
export function findVersion(known: View, word: string): Version {
  const current = known.has('osimage', word) ? currentName(known, word) : undefined;
  const named = versionNamed(known, word) ?? (current === undefined ? undefined : versionNamed(known, current));
  if (named !== undefined) return named;
  if (known.has('osimage', word)) {
    throw new HostlerError('not_found', `The osimage ${word} has no packed version yet: packimage ${word}.`);
  }
  const at = word.lastIndexOf('@');
  const [osimage, digits] = at < 0 ? [undefined, word] : [word.slice(0, at), word.slice(at + 1)];
  const fits = versionsOf(known, osimage).filter(({ row: one, root }) => {
    if (osimage !== undefined && /^[1-9]\d{0,2}$/.test(digits)) return one['image.generation'] === digits;
    if (!/^[0-9a-f]{4,64}$/.test(digits)) return false;
    return (one['image.digest'] ?? '').startsWith(digits) || root.startsWith(digits);
  });
  const [only, ...others] = fits;
  if (only === undefined) {
    throw new HostlerError('not_found', `There is no image version '${word}'. 'hostler images' lists them.`);
  }
  if (others.length > 0) {
    throw new HostlerError('invalid_argument', `'${word}' means ${fits.map(({ name }) => name).join(' or ')}.`);
  }
  return only;
}

/** Every blob of a version. */
export function blobsOf({ row }: Version): string[] {
  return files.flatMap((file) => row[`image.${file}`] ?? []);
}

export function blobOf({ row }: Version, file: (typeof files)[number]): BlobRef | undefined {
  const digest = row[`image.${file}`];
  return digest === undefined ? undefined : { digest, bytes: Number(row[`image.${file}bytes`] ?? 0) };
}

export function totalBytes(version: Version): number {
  return files.reduce((sum, file) => sum + (blobOf(version, file)?.bytes ?? 0), 0);
}

export function storeOf(known: View, { row }: Version): StoreAccess {
  const agent = row['image.store'] ?? '';
  return { agent, endpoints: commaList(known.reported('agent', agent)?.['agent.store'] ?? '') };
}

/** What makes a version the current one; meets a conflict when that was changed meanwhile, or it is being removed. */
export function useChanges(known: View, version: Version): Change[] {
  const now = known.row('osimage', version.osimage);
  return [
    {
      type: 'osimage',
      name: version.osimage,
      values: { 'hostler.current': version.root, 'hostler.version': version.name },
      expected: {
        'hostler.current': now?.['hostler.current'] ?? null,
        'hostler.version': now?.['hostler.version'] ?? null,
      },
    },
    { type: 'image', name: version.name, values: {}, expected: { 'image.state': null }, fresh: false },
  ];
}

/** Nodes by root digest: those that are to run it, and those that say that they do. */
export function nodesByRoot(known: View): {
  readonly wanted: ReadonlyMap<string, number>;
  readonly running: ReadonlyMap<string, number>;
} {
  const count = (of: Map<string, number>, digest: string | undefined): void => {
    if (digest !== undefined && digest !== '') of.set(digest, (of.get(digest) ?? 0) + 1);
  };
  const wanted = new Map<string, number>();
  const running = new Map<string, number>();
  for (const [name, row] of known.rows('node')) {
    count(wanted, row['hostler.image']);
    count(running, known.reported('node', name)?.['hostler.runningimage']);
  }
  return { wanted, running };
}

export type SignatureState = 'good' | 'wrong' | 'none';

/** By the manager's present key. */
export function signatureOf(known: View, { row, root }: Version): SignatureState {
  const signature = row['image.signature'] ?? '';
  if (signature === '') return 'none';
  const key = known.reported('manager', 'self')?.['manager.imagekey'] ?? '';
  return isSigned(imageStatement(row['image.manifest'] ?? '', root), signature, key) ? 'good' : 'wrong';
}

/** site.imageversions: how many of the newest versions of an osimage are kept whatever else is true. */
export function versionsKept(known: View): number {
  const value = Number(siteValue(known, 'imageversions'));
  return Number.isSafeInteger(value) && value >= 1 ? value : 3;
}

/** site.requireimagetest: nodeset gives tested versions only. */
export function testRequired(known: View): boolean {
  return /^(?:1|yes|y|on|true|enable)$/i.test(siteValue(known, 'requireimagetest'));
}

function siteValue(known: View, key: string): string {
  return attribute(known, 'site', 'clustersite', key)?.value ?? '';
}
