import { imageStatement } from '../../shared/identity/image-statement.ts';
import { expandNoderange } from '../../shared/noderange/index.ts';
import { imageImportKind, type ImageImportResult } from '../../shared/task/image-export.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import { commaList } from '../../shared/objects/index.ts';
import type { Change, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { osimage as osimageType } from '../../shared/schema/types/osimage.ts';
import { refusal } from './image/description.ts';
import { nextGeneration } from './image/new-version.ts';
import { noSuchNodes } from './tables/answers.ts';

interface State {
  readonly server: string;
  readonly at: number;
  readonly user: string;
  readonly nodes: readonly string[];
  readonly image: string;
  readonly [key: string]: Json;
}

/** Seconds. */
const deadline = 2 * 3600;

/** imgimport: a bundle of imgexport becomes an osimage, and where it holds one, a packed version. */
export const imgimport: Verb<State | null> = {
  name: 'imgimport',
  version: 1,
  changes: true,
  start(asked, known) {
    const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
    const [bundle, ...more] = asked.operands;
    if (bundle === undefined || more.length > 0) return refuse('Say which bundle is to be imported.');
    if (hasFlag(asked, 'R')) return refuse('-R is not there: copy the bundle here and import it.');
    const range = optionValue(asked, 'postscripts') ?? '';
    const { nodes, missing } =
      range === '' ? { nodes: [], missing: [] } : expandNoderange(known, range, { verify: true, files: asked.files });
    if (missing.length > 0) {
      return noSuchNodes(missing);
    }
    const agent = keeper(known);
    if (agent === undefined) {
      return refuse("No connected agent has the roles 'build' and 'store', which is to take the image in.");
    }
    const key = known.reported('manager', 'self')?.['manager.imagekey'] ?? '';
    const task = {
      key: 'import',
      kind: imageImportKind,
      title: `Import ${bundle}`,
      on: { role: 'build', agent },
      spec: { bundle, profile: optionValue(asked, 'profile') ?? '', key },
      deadline,
    };
    const state: State = { server: asked.server, at: asked.at, user: asked.user, nodes, image: '' };
    return {
      state,
      effects: [
        { do: 'say', text: 'Unbundling image...\n' },
        { do: 'run', task },
      ],
    };
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'task') return imported(state, report, known);
    if (report.outcome === 'conflict') return end(refusal(state.server, `${report.message} Import it again.`));
    return end({ do: 'say', text: `Successfully imported the image ${state.image}.\n` }, { do: 'done', exit: 0 });
  },
};

function keeper(known: View): string | undefined {
  const fits = [...known.reportedRows('agent')].filter(([, row]) => {
    const roles = commaList(row['agent.roles'] ?? '');
    return row['agent.state'] === 'connected' && roles.includes('build') && roles.includes('store');
  });
  return fits.map(([name]) => name).sort()[0];
}

function imported(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<State | null> {
  if (report.outcome !== 'done') return end(refusal(state.server, report.message));
  const { image, row, scripts, version } = report.result as unknown as ImageImportResult;
  // Only columns that an osimage has: a bundle may come from anywhere.
  const columns = new Set(osimageType.attributes.map(({ column }) => column));
  const values: Record<string, string | null> = Object.fromEntries(
    Object.entries(row).filter(([column, value]) => columns.has(column) && value !== ''),
  );
  const changes: Change[] = [];
  if (version !== null) {
    const { blobs } = version;
    const manifest = blobs['manifest']?.digest ?? '';
    const root = blobs['root']?.digest ?? '';
    const name = `${image}@${manifest.slice(0, 12)}`;
    const files = Object.entries(blobs).flatMap(([what, blob]): [string, string][] => [
      [`image.${what}`, blob.digest],
      [`image.${what}bytes`, String(blob.bytes)],
    ]);
    changes.push({
      type: 'image',
      name,
      values: {
        ...Object.fromEntries(files),
        'image.osimage': image,
        'image.digest': manifest,
        'image.generation': known.row('image', name)?.['image.generation'] ?? String(nextGeneration(known, image)),
        'image.kernelver': version.kernelver,
        'image.arch': version.arch,
        'image.method': version.method,
        'image.compress': version.compress,
        'image.checked': version.checked ? 'yes' : null,
        'image.store': report.agent,
        'image.builtby': 'imported',
        'image.packedat': new Date(state.at).toISOString(),
        'image.packedby': state.user,
      },
      sign: { 'image.signature': imageStatement(manifest, root) },
      expected: { 'image.state': null },
    });
    values['hostler.current'] = root;
    values['hostler.version'] = name;
  }
  changes.push({ type: 'osimage', name: image, values });
  for (const node of state.nodes) {
    const own = Object.entries(scripts).map(([name, value]) => [`postscripts.${name}`, value] as const);
    if (own.length > 0) changes.push({ type: 'node', name: node, values: Object.fromEntries(own), fresh: false });
  }
  const said =
    version !== null || known.has('osimage', image)
      ? []
      : [
          {
            do: 'say',
            text: `The bundle holds no packed version of Hostler's: genimage ${image}, then packimage ${image}.\n`,
          } as const,
        ];
  return { state: { ...state, image }, effects: [...said, { do: 'commit', key: 'import', changes }] };
}
