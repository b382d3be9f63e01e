import type { Effect, Json } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { refusal } from './image/description.ts';
import { columns, megabytes, shortTime } from './image/text.ts';
import { nodesByRoot, totalBytes, versionsOf, type Version } from './image/versions.ts';

/** `hostler images [OSIMAGE...]`, and lsimage: the packed versions, newest first. */
export const images: Verb<null> = listing('images');
export const lsimage: Verb<null> = listing('lsimage');

function listing(name: string): Verb<null> {
  return {
    name,
    version: 1,
    changes: false,
    start(asked, known) {
      const unknown = asked.operands.filter((one) => !known.has('osimage', one));
      if (unknown.length > 0) {
        return end(refusal(asked.server, `Cannot find image '${unknown.join("', '")}' from the osimage table.`));
      }
      const of = asked.operands.length === 0 ? [undefined] : [...new Set(asked.operands)];
      const versions = of.flatMap((osimage) => versionsOf(known, osimage));
      if (asked.json) return end(...dataOf(known, versions), { do: 'done', exit: 0 });
      const text = versions.length === 0 ? 'There are no packed images.\n' : table(known, versions);
      return end({ do: 'say', text }, { do: 'done', exit: 0 });
    },
  };
}

function table(known: View, versions: readonly Version[]): string {
  const { wanted, running } = nodesByRoot(known);
  return columns([
    ['version', 'state', 'packed', 'by', 'kernel', 'size', 'nodes', 'running'],
    ...versions.map((version) => [
      version.name,
      stateOf(version).join(',') || '-',
      shortTime(version.packedAt),
      version.row['image.packedby'] ?? '-',
      version.row['image.kernelver'] ?? '-',
      megabytes(totalBytes(version)),
      String(wanted.get(version.root) ?? 0),
      String(running.get(version.root) ?? 0),
    ]),
  ]);
}

/** current, pinned, tested, failed (its test), removing. */
export function stateOf({ current, removing, row }: Version): string[] {
  const tested = row['image.tested'];
  return [
    ...(current ? ['current'] : []),
    ...(row['image.pinned'] === undefined ? [] : ['pinned']),
    ...(tested === undefined ? [] : [tested === 'passed' ? 'tested' : 'failed']),
    ...(removing ? ['removing'] : []),
  ];
}

function dataOf(known: View, versions: readonly Version[]): Effect[] {
  const { wanted, running } = nodesByRoot(known);
  return versions.map((version): Effect => {
    const value: Json = {
      name: version.name,
      osimage: version.osimage,
      state: stateOf(version),
      root: version.root,
      manifest: version.row['image.manifest'] ?? null,
      kernel: version.row['image.kernelver'] ?? null,
      arch: version.row['image.arch'] ?? null,
      method: version.row['image.method'] ?? null,
      bytes: totalBytes(version),
      packedAt: version.row['image.packedat'] ?? null,
      packedBy: version.row['image.packedby'] ?? null,
      builtBy: version.row['image.builtby'] ?? null,
      store: version.row['image.store'] ?? null,
      nodes: wanted.get(version.root) ?? 0,
      running: running.get(version.root) ?? 0,
    };
    return { do: 'data', value };
  });
}
