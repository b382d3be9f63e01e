import type { Asked } from '../../../shared/verb/asked.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { neededFor } from './collect.ts';
import { megabytes } from './text.ts';
import { nodesByRoot, signatureOf, totalBytes, type Version } from './versions.ts';

/** Everything that is known of one version. The packages stand in its manifest. */
export function showVersion(asked: Asked, known: View, version: Version): Step<null> {
  if (asked.json) {
    const value: Json = { name: version.name, current: version.current, ...version.row };
    return end({ do: 'data', value }, { do: 'done', exit: 0 });
  }
  const fields = fieldsOf(known, version);
  const width = Math.max(...fields.map(([name]) => name.length));
  const text = fields.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
  return end({ do: 'say', text }, { do: 'done', exit: 0 });
}

/** What the registry knows of it, in lines. */
export function fieldsOf(known: View, version: Version): [string, string][] {
  const { row } = version;
  const { wanted, running } = nodesByRoot(known);
  const files = ['root', 'kernel', 'initrd', 'manifest', 'bom', 'files'].flatMap((file): [string, string][] => {
    const digest = row[`image.${file}`];
    return digest === undefined ? [] : [[file, `${digest} (${megabytes(Number(row[`image.${file}bytes`] ?? 0))})`]];
  });
  const signature = { good: 'by this manager', wrong: 'not by the present key of this manager', none: 'none' };
  const tested = row['image.tested'];
  return [
    ['version', version.name],
    ['osimage', version.osimage],
    ['generation', row['image.generation'] ?? '-'],
    ['current', version.current ? 'yes' : 'no'],
    ['packed', `${row['image.packedat'] ?? ''} by ${row['image.packedby'] ?? ''} on ${row['image.builtby'] ?? ''}`],
    ['kernel version', row['image.kernelver'] ?? ''],
    ['architecture', row['image.arch'] ?? ''],
    ['method', row['image.method'] ?? ''],
    ['size', megabytes(totalBytes(version))],
    ...files,
    ['store', row['image.store'] ?? ''],
    [
      'signature',
      `${signature[signatureOf(known, version)]}${row['image.checked'] === 'yes' ? ', checked by nodes' : ''}`,
    ],
    [
      'tested',
      tested === undefined ? 'no' : `${tested} ${row['image.testedat'] ?? ''} by ${row['image.testedby'] ?? ''}`,
    ],
    ['pinned', row['image.pinned'] ?? 'no'],
    ['nodes', `${wanted.get(version.root) ?? 0} are to run it, ${running.get(version.root) ?? 0} do`],
    ['kept because', neededFor(known, version) ?? 'only while it is among the newest'],
  ];
}
