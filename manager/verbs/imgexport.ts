import { attributesOf } from '../../shared/objects/index.ts';
import { imageExportKind, type ImageExportResult, type ImageExportSpec } from '../../shared/task/image-export.ts';
import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import type { BlobRef } from '../../shared/task/blob.ts';
import type { Effect, Json } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { Row, View } from '../../shared/verb/view.ts';
import { builderColumn, describe, refusal, type Description } from './image/description.ts';
import { megabytes } from './image/text.ts';
import { blobOf, currentName, storeOf, versionNamed } from './image/versions.ts';

interface State {
  readonly server: string;
  readonly [key: string]: Json;
}

/** Attributes that name files of the build host. */
const listed = ['pkglist', 'exlist', 'otherpkglist', 'synclists', 'template', 'partitionfile'];
/** Seconds. */
const deadline = 2 * 3600;

/** imgexport: definitions, lists and the current version of an image as one file (facts section 17). */
export const imgexport: Verb<State | null> = {
  name: 'imgexport',
  version: 1,
  changes: false,
  start(asked, known) {
    const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
    const [name, dest] = asked.operands;
    if (name === undefined || dest === undefined) return refuse('Say which image, and where its bundle shall be.');
    if (hasFlag(asked, 'R')) return refuse('-R is not there: export the image here and copy the bundle yourself.');
    const image = describe(known, name);
    if (image === undefined) return refuse(`Cannot find image '${name}' from the osimage table.`);
    const method = image.value('provmethod');
    if (method === '') return refuse(`provmethod of ${name} is not set: nothing tells what kind of image it is.`);
    const node = optionValue(asked, 'postscripts');
    if (node !== undefined && !known.has('node', node)) return refuse(`There is no node ${node}.`);
    return begin(asked, known, image, dest);
  },
  on(state, report) {
    if (state === null || report.about !== 'task') return { state, effects: [] };
    if (report.outcome !== 'done') return end(refusal(state.server, report.message));
    const { bundle, bytes } = report.result as unknown as ImageExportResult;
    const text = `Done! ${report.agent}:${bundle} (${megabytes(bytes)})\n`;
    return end({ do: 'say', text }, { do: 'done', exit: 0 });
  },
};

function begin(asked: Asked, known: View, image: Description, dest: string): Step<State> {
  const bundle =
    dest.endsWith('.tgz') || dest.endsWith('.tar.gz') ? dest : `${dest.replace(/\/$/, '')}/${image.name}.tgz`;
  const current = currentName(known, image.name);
  const version = current === undefined ? undefined : versionNamed(known, current);
  const scripts = image.list('postinstall').map((call) => call.split(/\s+/, 1)[0] ?? '');
  const files = [...listed.flatMap((attr) => image.list(attr)), ...scripts].filter((file) => file.startsWith('/'));
  const node = optionValue(asked, 'postscripts');
  const values = node === undefined ? undefined : attributesOf(known, 'node', node);
  const ofNode = ['postscripts', 'postbootscripts'].flatMap((attr) => {
    const value = values?.get(attr)?.value ?? '';
    return value === '' ? [] : [[attr, value] as const];
  });
  const spec: ImageExportSpec = {
    image: image.name,
    bundle,
    row: definition(known.row('osimage', image.name) ?? {}),
    lists: [...new Set(files)],
    extra: (asked.options['extra'] ?? []).map((word) => {
      const [file = '', folder = file.slice(0, file.lastIndexOf('/'))] = word.split(':');
      return { file, folder };
    }),
    scripts: Object.fromEntries(ofNode),
    version:
      version === undefined
        ? null
        : {
            signature: version.row['image.signature'] ?? '',
            method: version.row['image.method'] ?? 'squashfs',
            compress: version.row['image.compress'] ?? 'zstd',
            from: storeOf(known, version),
            blobs: blobsBy((file) => blobOf(version, file)),
          },
  };
  const builder = known.reported('osimage', image.name)?.[builderColumn];
  const task = {
    key: 'export',
    kind: imageExportKind,
    title: `Export ${image.name}`,
    on: { role: 'build', ...(builder !== undefined && { agent: builder }) },
    spec: spec as unknown as Json,
    deadline,
  };
  const said: Effect[] = [{ do: 'say', text: `Exporting ${image.name} to ${bundle}...\n` }];
  if (version === undefined) {
    const text = `Warning: ${image.name} was never packed: only its definition and lists are exported.\n`;
    said.push({ do: 'say', text, error: true });
  }
  return { state: { server: asked.server }, effects: [...said, { do: 'run', task }] };
}

function blobsBy(
  of: (file: 'root' | 'kernel' | 'initrd' | 'manifest' | 'bom' | 'files') => BlobRef | undefined,
): Record<string, BlobRef> {
  const names = ['root', 'kernel', 'initrd', 'manifest', 'bom', 'files'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const blob = of(name);
      return blob === undefined ? [] : [[name, blob] as const];
    }),
  );
}

/** What describes the image anywhere; which version is the current one is this cluster's affair. */
function definition(row: Row): Record<string, string> {
  return Object.fromEntries(
    Object.entries(row).filter(([column]) => column.startsWith('osimage.') || column.startsWith('linuximage.')),
  );
}
