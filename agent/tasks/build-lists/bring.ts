import { chmod, mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import type { BundledSynclist, BundledWord, ListBundle } from '../../../shared/task/build-lists.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { needBlob } from '../../store/need-blob.ts';
import { Fields, plainWord } from '../image-tree/fields.ts';
import type { TaskContext } from '../types.ts';
import { layOutSynclist } from './sync-nodes.ts';

/** Bundles that no build has used for so long go. */
const keepMs = 7 * 24 * 3600 * 1000;

type Spec = { readonly [key: string]: Json };

/**
 * A specification whose lists are not on this machine: brings them out of the store where they lie (`lists`, a
 * BroughtLists), and names the copies instead. One without `lists` comes back as it is. Throws as `needBlob`.
 */
export async function withBroughtLists(spec: Json, context: TaskContext): Promise<Json> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec) || !('lists' in spec)) return spec;
  const fields = new Fields(spec, context.id);
  const lists = fields.inner('lists');
  const from = lists.inner('from');
  const digest = lists.inner('blob').text('digest');
  const access = { agent: from.text('agent'), endpoints: from.texts('endpoints') };
  const { file } = await needBlob(digest, access, context.dir, context);
  const bundle = bundleOf(await readFile(file, 'utf8'));
  const image = plainWord(fields.text('image'), 'The image name');
  // A place of its own for each content: what decides a stage must not change with the task.
  const place = join(context.home, 'cache', 'lists');
  const folder = join(place, `${image}-${digest.slice(0, 12)}`);
  await sweep(place);
  context.log(`Lists and scripts are those of ${access.agent}.`);
  // What was looked for is found.
  const search = 'search' in spec && { search: false };
  return { ...spec, ...(await laidOut(bundle, spec, folder)), ...(await syncedOut(bundle, spec, context)), ...search };
}

/** Synclists and what they name, which may be secret: gone with the task. */
async function syncedOut(bundle: ListBundle, spec: Spec, context: TaskContext): Promise<Record<string, Json>> {
  if (!('synclists' in spec) || bundle.synclists === undefined) return {};
  const folder = join(context.dir, 'synclists');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = bundle.synclists.map((_, index) => join(folder, String(index)));
  for (const [index, list] of bundle.synclists.entries())
    await layOutSynclist(list as unknown as Json, files[index] ?? '');
  return { synclists: files, broughtSynclists: true };
}

/** Writes the files of a bundle into the folder; resolves with the fields of the specification that name them. */
export async function laidOut(bundle: ListBundle, spec: Spec, folder: string): Promise<Record<string, Json>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const named: Record<string, Json> = {};
  for (const name of ['pkglist', 'otherpkglist', 'exlist'] as const) {
    if (!(name in spec)) continue;
    const files = bundle[name].map((text, index) => [join(folder, `${name}.${index}`), text] as const);
    for (const [file, text] of files) await replaceFile(file, text, 0o600);
    named[name] = files.map(([file]) => file);
  }
  if ('postinstall' in spec) {
    const calls: string[] = [];
    for (const [call, words] of bundle.postinstall.entries()) {
      const said: string[] = [];
      for (const [index, word] of words.entries()) said.push(await wordOf(word, join(folder, `${call}.${index}`)));
      calls.push(said.join(' '));
    }
    named['postinstall'] = calls;
  }
  return named;
}

async function wordOf(word: BundledWord, folder: string): Promise<string> {
  if ('word' in word) return word.word;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, word.name.replace(/[^\w.+-]/g, '_').replace(/^\.+/, '_'));
  await replaceFile(file, Buffer.from(word.content, 'base64'), word.mode & 0o777);
  await chmod(file, word.mode & 0o777); // whatever the umask is
  return file;
}

function bundleOf(text: string): ListBundle {
  const whole: unknown = JSON.parse(text);
  const fields = new Fields(whole as Json, 'build-lists');
  const texts = (name: string): string[] => fields.texts(name);
  const calls = (whole as { readonly postinstall?: unknown }).postinstall;
  const postinstall = (Array.isArray(calls) ? (calls as readonly Json[]) : []).map((call) =>
    (Array.isArray(call) ? (call as readonly Json[]) : []).map((word): BundledWord => {
      const of = new Fields(word, 'build-lists.postinstall');
      if (typeof word === 'object' && word !== null && 'word' in word) return { word: of.text('word') };
      return { name: of.text('name'), mode: of.count('mode'), content: of.text('content') };
    }),
  );
  if (fields.count('format') !== 1)
    throw new HostlerError('unimplemented', 'The lists that came are of a later version: upgrade this agent.');
  const { synclists } = whole as { readonly synclists?: unknown };
  return {
    format: 1,
    ...(Array.isArray(synclists) && { synclists: synclists as readonly BundledSynclist[] }),
    ...{ pkglist: texts('pkglist'), otherpkglist: texts('otherpkglist'), exlist: texts('exlist') },
    postinstall,
  };
}

async function sweep(place: string): Promise<void> {
  for (const name of await readdir(place).catch(() => [])) {
    const info = await stat(join(place, name)).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > keepMs)
      await rm(join(place, name), { recursive: true, force: true });
  }
}
