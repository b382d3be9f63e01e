import { globalOverride, overrideOrder, scriptClasses, scriptsFor } from '../../../shared/clone/pieces.ts';
import type { ClonePiece, PieceTaker } from '../../../shared/clone/pieces.ts';
import { attribute, byName, commaList, groupMembers, groupNames } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { megabytes } from './text.ts';

/** As many nodes are shown one by one; the others are counted. */
const mostNodes = 20;

/** Overrides in the order in which they are laid, whose each is, and scripts in the order in which they run; for people. */
export function pieceLines(known: View, image: string, pieces: readonly ClonePiece[]): string[] {
  const overrides = pieces.filter(({ kind }) => kind === 'override');
  const scripts = pieces.filter(({ kind }) => kind === 'script');
  const groups = new Set(groupNames(known));
  const whose = (name: string): string => {
    if (name === image) return 'of the image';
    if (name === globalOverride) return 'of every node';
    const of = [
      ...(groups.has(name) ? [`of the group ${name}, ${nodes(groupMembers(known, name).length)}`] : []),
      ...(known.has('node', name) ? [`of the node ${name}`] : []),
    ];
    return of.length === 0 ? `no node and no group is called ${name}: nobody gets it` : of.join(' and ');
  };
  const [first, ...rest] = [image, globalOverride].map((name) => overrides.filter((one) => one.name === name));
  const fixed = [...(first ?? []), ...rest.flat()];
  const others = overrides.filter((one) => !fixed.includes(one)).sort((a, b) => byName(a.name, b.name));
  const isNode = ({ name }: ClonePiece): boolean => known.has('node', name) && !groups.has(name);
  const ordered = [...fixed, ...others.filter((one) => !isNode(one)), ...others.filter(isNode)];
  return [
    'overrides, in the order in which they are laid (later ones win; of groups, the first of the node is laid last):',
    ...(ordered.length === 0
      ? ['  none']
      : ordered.map((one) => `  ${one.name} (${whose(one.name)}, ${megabytes(one.bytes)})`)),
    ...ownLines(known, image, pieces),
    'post-install scripts, in the order in which they run:',
    ...(scripts.length === 0 ? ['  none'] : byClass(scripts, image).map(({ name }) => `  ${name}`)),
  ];
}

/** Nodes of this image that get more than everybody: what each of them gets, in its order. */
function ownLines(known: View, image: string, pieces: readonly ClonePiece[]): string[] {
  const names = new Set(pieces.map(({ kind, name }) => `${kind} ${name}`));
  const common = [image, globalOverride];
  const lines: string[] = [];
  for (const [node] of [...known.rows('node')].sort(([a], [b]) => byName(a, b))) {
    if (attribute(known, 'node', node, 'provmethod')?.value !== image) continue;
    const groups = commaList(attribute(known, 'node', node, 'groups')?.value ?? '');
    const taker: PieceTaker = { image, node, groups };
    const laid = overrideOrder(taker).filter((name) => names.has(`override ${name}`));
    const run = scriptsFor(pieces, taker).filter(
      ({ name }) => !/^\d\dall\./.test(name) && !name.slice(2).startsWith(`${image}.`),
    );
    if (laid.every((name) => common.includes(name)) && run.length === 0) continue;
    const scripts = run.length === 0 ? '' : `; scripts of its own: ${run.map(({ name }) => name).join(', ')}`;
    lines.push(`  ${node}: ${laid.join(', ') || 'no override'}${scripts}`);
  }
  if (lines.length === 0) return [];
  const left = lines.length - mostNodes;
  return [
    'nodes of this image with overrides or scripts of their own:',
    ...lines.slice(0, mostNodes),
    ...(left > 0 ? [`  and ${nodes(left)} more`] : []),
  ];
}

function byClass(scripts: readonly ClonePiece[], image: string): ClonePiece[] {
  const classes = scriptClasses({ image, node: '', groups: [] });
  const rank = (name: string): number => {
    const at = classes.findIndex((one) => name.slice(2).startsWith(`${one}.`));
    return at < 0 ? classes.length : at;
  };
  return [...scripts].sort((a, b) => rank(a.name) - rank(b.name) || byName(a.name, b.name));
}

function nodes(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`;
}
