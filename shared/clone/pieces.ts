import { HostlerError } from '../errors/error.ts';
import type { Reader } from '../layout/reader.ts';

/*
 * What is added to a golden tree for some of its clones: overrides, small trees that are laid over it, and numbered
 * scripts that run in the new system. Places and names are SystemImager's (facts systemimager.md, section 7); each is
 * packed by itself, so that a node is handed nothing but its own.
 */

export interface ClonePiece {
  readonly kind: 'override' | 'script';
  /** Name of the override's folder, or of the script's file. */
  readonly name: string;
  /** Where it begins in the file of all pieces, and how long it is. */
  readonly at: number;
  readonly bytes: number;
  /** sha256 of these bytes. */
  readonly digest: string;
}

/** For whom pieces are looked up. */
export interface PieceTaker {
  readonly image: string;
  readonly node: string;
  /** The node's groups, the most important first. */
  readonly groups: readonly string[];
}

/** The override for everybody. */
export const globalOverride = 'global';

const most = 10_000;
export const isOverrideName = (name: string): boolean => /^[A-Za-z0-9][\w.+-]{0,200}$/.test(name);
/** Two digits, class, dot, anything. */
export const isScriptName = (name: string): boolean =>
  /^\d\d[A-Za-z0-9][\w.+-]{0,200}$/.test(name) && name.includes('.');

/** Throws `invalid_argument`. Absent: none. */
export function checkedPieces(of: Reader): ClonePiece[] {
  return of.list('pieces', most).map((one) => {
    const kind = one.oneOf('kind', ['override', 'script']);
    const name = one.text('name');
    if (!(kind === 'override' ? isOverrideName : isScriptName)(name)) throw one.wrong('name', `the name of an ${kind}`);
    const digest = one.matching('digest', /^[0-9a-f]{64}$/, 'a sha256');
    return { kind, name, at: one.size('at'), bytes: one.size('bytes'), digest };
  });
}

/** Names of overrides in the order in which they are laid: later ones win. */
export function overrideOrder({ image, node, groups }: PieceTaker): string[] {
  const names = [image, globalOverride, ...[...groups].reverse(), node];
  return names.filter((name, at) => name !== '' && names.indexOf(name, at + 1) < 0);
}

export function overridesFor(pieces: readonly ClonePiece[], taker: PieceTaker): ClonePiece[] {
  return overrideOrder(taker).flatMap((name) => pieces.filter((one) => one.kind === 'override' && one.name === name));
}

/** Classes of scripts, in the order in which they run: everybody's, the image's, `node` of node01, groups', its own. */
export function scriptClasses({ image, node, groups }: PieceTaker): string[] {
  const base = /^[^\d.]*/.exec(node)?.[0] ?? '';
  return [...new Set(['all', image, base, ...groups, node])].filter((name) => name !== '');
}

/** By class, and by number within a class. */
export function scriptsFor(pieces: readonly ClonePiece[], taker: PieceTaker): ClonePiece[] {
  const scripts = pieces.filter(({ kind }) => kind === 'script').sort((a, b) => (a.name < b.name ? -1 : 1));
  const taken = scriptClasses(taker).flatMap((name) =>
    scripts.filter((one) => one.name.slice(2).startsWith(`${name}.`)),
  );
  return [...new Set(taken)];
}

/** What that node may be handed. Throws `not_found`. */
export function pieceFor(pieces: readonly ClonePiece[], taker: PieceTaker, digest: string): ClonePiece {
  const found = [...overridesFor(pieces, taker), ...scriptsFor(pieces, taker)].find((one) => one.digest === digest);
  if (found === undefined) throw new HostlerError('not_found', `There is no such piece for ${taker.node}.`);
  return found;
}
