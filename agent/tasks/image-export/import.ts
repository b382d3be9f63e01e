import { createHash } from 'node:crypto';
import { appendFile, chmod, copyFile, lstat, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { HostlerError } from '../../../shared/errors/error.ts';
import { hiddenDigest, isPublicKey, publicKeyPem } from '../../../shared/identity/image-statement.ts';
import { printable } from '../../../shared/process/printable.ts';
import { run } from '../../../shared/process/run.ts';
import {
  bundleNames,
  imageImportKind,
  imageImportVersion,
  type ImageImportResult,
  type ImageImportSpec,
} from '../../../shared/task/image-export.ts';
import type { ImageManifest } from '../../../shared/task/image-pack.ts';
import { BlobStore } from '../../store/blobs.ts';
import { digestOf } from '../../store/digest.ts';
import { cpio } from '../image-build/initrd/cpio.ts';
import { packedName } from '../../../shared/task/image-pack.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { Far, tarTelling } from '../image-tree/far.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { checkedTarget } from './target.ts';
import { child, parseXml, type Element } from './xml.ts';

const mostMembers = 10_000;

/** imgimport: takes a bundle in, whoever made it. Nothing in it is believed before it was looked at. */
export const imageImport: TaskKind = {
  kind: imageImportKind,
  version: imageImportVersion,
  roles: ['build', 'store'],
  run: (context) => {
    const fields = new Fields(context.spec, 'image-import');
    const spec: ImageImportSpec = {
      bundle: absolutePath(fields.text('bundle'), 'The bundle'),
      profile: fields.text('profile') === '' ? '' : plainWord(fields.text('profile'), 'The profile'),
      key: fields.text('key'),
    };
    return explainingFullDisk(`The import of ${spec.bundle}`, 'Make room, and import it again.', () =>
      importImage(spec, context),
    );
  },
};

async function importImage(spec: ImageImportSpec, context: TaskContext): Promise<ImageImportResult> {
  const info = await lstat(spec.bundle).catch(() => undefined);
  if (info?.isFile() !== true) throw new HostlerError('not_found', `Cannot find ${spec.bundle}`);
  context.log('Unbundling image...');
  await checkMembers(spec.bundle, context);
  const work = await mkdtemp(join(context.dir, 'import-'));
  context.progress('import', `unpacking ${spec.bundle}`);
  try {
    const args = ['--extract', '--gzip', '--file', spec.bundle, '--directory', work];
    // What is large in it does not become larger: it was compressed before.
    const far = new Far('import', info.size, context);
    await run('tar', [...args, '--no-same-owner', '--no-same-permissions', ...tarTelling], {
      signal: context.signal,
      onLine: (line) => far.tarLine(line),
    });
    const folder = await folderIn(work);
    const text = await readFile(join(folder, 'manifest.xml'), 'utf8').catch((cause: unknown) => {
      throw new HostlerError('not_found', 'Failed to find manifest.xml file in image bundle', { cause });
    });
    return await takeIn(parseXml(text), folder, spec, context);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Plain files and folders below the place where they are unpacked, and nothing else. */
async function checkMembers(bundle: string, context: TaskContext): Promise<void> {
  const refuse = (name: string, why: string): HostlerError =>
    new HostlerError(
      'invalid_argument',
      `The bundle ${bundle} is refused: ${JSON.stringify(printable(name).slice(0, 200))} in it ${why}. Nothing was unpacked.`,
    );
  context.progress('import', `looking through ${bundle}`);
  const list = ['--list', '--gzip', '--absolute-names', '--quoting-style=escape', '--file', bundle];
  const read = async (args: readonly string[]): Promise<string[]> => {
    const { stdout, leftOut } = await run('tar', args, {
      signal: context.signal,
      keepBytes: 8 << 20,
      env: { LC_ALL: 'C' },
    });
    if (leftOut > 0) throw refuse('', 'has too many names');
    return stdout.split('\n').filter((line) => line !== '');
  };
  const names = await read(list);
  if (names.length > mostMembers) throw refuse(names.at(-1) ?? '', `is one of more than ${mostMembers}`);
  for (const name of names) {
    if (name.startsWith('/')) throw refuse(name, 'is an absolute path');
    if (name.split('/').includes('..')) throw refuse(name, 'leads out of the bundle (..)');
  }
  for (const line of await read([...list, '--verbose'])) {
    if (!/^[-d]/.test(line)) throw refuse(line, 'is neither a file nor a folder');
  }
}

/** The manifest stands in the one folder of the bundle, or at its top. */
async function folderIn(work: string): Promise<string> {
  const names = await readdir(work);
  const [only] = names;
  return names.length === 1 && only !== undefined && !only.endsWith('.xml') ? join(work, only) : work;
}

async function takeIn(
  manifest: Element,
  folder: string,
  spec: ImageImportSpec,
  context: TaskContext,
): Promise<ImageImportResult> {
  const given = child(manifest, 'imagename')?.text ?? '';
  if (manifest.name !== 'xcatimage' || given === '') {
    throw new HostlerError('invalid_argument', 'invalid manifest.xml file inside the bundle.  Please verify the XML');
  }
  const before = child(child(manifest, 'osimage') ?? manifest, 'profile')?.text ?? '';
  const named = before !== '' && given.endsWith(before) ? given.slice(0, -before.length) : `${given}-`;
  const image = plainWord(spec.profile === '' ? given : named + spec.profile, 'The image name');
  const row: Record<string, string> = {};
  for (const table of ['osimage', 'linuximage']) {
    for (const { name, text } of child(manifest, table)?.children ?? []) row[`${table}.${name}`] = text;
  }
  delete row['osimage.imagename'];
  delete row['linuximage.imagename'];
  if (spec.profile !== '') row['osimage.profile'] = spec.profile;
  const custom = join(context.installDir, 'custom', 'netboot', image);
  const files: string[] = [];
  const moves = new Map<string, string>();
  const wanted = manifest.children
    .filter(({ name }) => name === 'file')
    .map((one) => ({ name: child(one, 'name')?.text ?? '', path: child(one, 'path')?.text ?? '' }));
  for (const extra of manifest.children.filter(({ name }) => name === 'extra')) {
    const source = child(extra, 'src')?.text ?? '';
    const index = wanted.findIndex(({ name }) => name === basename(source));
    if (index >= 0) wanted.splice(index, 1);
    wanted.push({ name: basename(source), path: join(child(extra, 'dest')?.text ?? '', basename(source)) });
  }
  // All of them, before the first is written.
  const targets = wanted.map(({ name, path }) => ({
    ...{ name, path },
    target: spec.profile === '' ? checkedTarget(path, context.installDir) : join(custom, basename(name)),
  }));
  const called = new Set(
    (row['linuximage.postinstall'] ?? '').split(',').map((call) => call.trim().split(/\s+/, 1)[0] ?? ''),
  );
  for (const { name, path, target } of targets) {
    const source = join(folder, basename(name));
    if ((await lstat(source).catch(() => undefined))?.isFile() !== true) continue;
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await copyFile(source, target);
    const runs = called.has(path) || path.endsWith('postinstall') || path.endsWith('.sh');
    await chmod(target, runs ? 0o755 : 0o644);
    moves.set(path, target);
    files.push(target);
    context.log(target);
  }
  for (const [column, value] of Object.entries(row)) row[column] = moved(value, moves);
  if (spec.profile !== '' && row['linuximage.rootimgdir'] !== undefined) delete row['linuximage.rootimgdir'];
  const scripts = Object.fromEntries(
    ['postscripts', 'postbootscripts'].flatMap((name) => {
      const value = child(manifest, name)?.text ?? '';
      return value === '' ? [] : [[name, value] as const];
    }),
  );
  return { image, row, scripts, files, version: await versionOf(folder, image, spec.key, context) };
}

/** Every file named in a list of files, scripts with their arguments included. */
function moved(value: string, moves: ReadonlyMap<string, string>): string {
  return value
    .split(',')
    .map((part) => {
      const [, blanks = '', path = '', rest = ''] = /^(\s*)(\S*)([\s\S]*)$/.exec(part) ?? [];
      return `${blanks}${moves.get(path) ?? path}${rest}`;
    })
    .join(',');
}

/** The packed version, its files checked by its own manifest; its initrd gets this manager's key. */
async function versionOf(
  folder: string,
  image: string,
  key: string,
  context: TaskContext,
): Promise<ImageImportResult['version']> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return null;
  const manifest = JSON.parse(text) as ImageManifest;
  const root = packedName(manifest.method, manifest.compress);
  const store = new BlobStore(context.home);
  const blobs: Record<string, { digest: string; bytes: number }> = {};
  for (const [what, blob] of Object.entries(manifest.files)) {
    const name = what === 'root' ? root : bundleNames[what];
    const file = join(folder, name ?? 'nothing');
    const found = await digestOf(file, context.signal).catch(() => undefined);
    if (found?.digest !== blob.digest) {
      throw new HostlerError('data_loss', `The bundle is broken: ${name ?? what} is not what its manifest says.`);
    }
    blobs[what] = found;
  }
  if (manifest.nodeFiles !== '') {
    const name = bundleNames['files'] ?? '';
    const found = await digestOf(join(folder, name), context.signal).catch(() => undefined);
    if (found === undefined || hiddenDigest(found.digest) !== manifest.nodeFiles) {
      throw new HostlerError('data_loss', `The bundle is broken: ${name} is not what its manifest says.`);
    }
    blobs['files'] = found;
  }
  const checked = (blobs['initrd']?.bytes ?? 0) > manifest.initrdBytes && isPublicKey(key);
  const initrd = join(folder, bundleNames['initrd'] ?? '');
  if (checked) blobs['initrd'] = await withOwnKey(initrd, key, context.signal);
  for (const [what, { digest }] of Object.entries(blobs)) {
    const name = what === 'root' ? root : (bundleNames[what] ?? '');
    context.progress('store', `keeping ${name}`);
    await store.putFile(join(folder, name), 'copy', { digest, signal: context.signal, wantedBy: context.dir });
  }
  const shown = Object.fromEntries(Object.entries(blobs).filter(([what]) => what !== 'files'));
  const own = `${JSON.stringify({ ...manifest, image, files: shown }, undefined, 1)}\n`;
  const file = join(folder, 'manifest.own');
  await writeFile(file, own);
  blobs['manifest'] = { digest: createHash('sha256').update(own).digest('hex'), bytes: Buffer.byteLength(own) };
  await store.putFile(file, 'copy', {
    digest: blobs['manifest'].digest,
    signal: context.signal,
    wantedBy: context.dir,
  });
  const { kernelver, arch, method, compress } = manifest;
  return { blobs, kernelver, arch, method, compress, checked };
}

/** What stands later in an initrd replaces what stands earlier: the key of the manager that is asked to trust it. */
async function withOwnKey(
  initrd: string,
  key: string,
  signal: AbortSignal,
): Promise<{ digest: string; bytes: number }> {
  const entries = [
    { path: 'etc', kind: 'folder' },
    { path: 'etc/hostler', kind: 'folder' },
    { path: 'etc/hostler/image.pem', kind: 'file', content: Buffer.from(publicKeyPem(key)) },
  ] as const;
  const pieces: Buffer[] = [];
  for await (const piece of Readable.from(cpio(entries))) pieces.push(Buffer.from(piece as Uint8Array));
  const plain = `${initrd}.key`;
  await writeFile(plain, Buffer.concat(pieces));
  await run('zstd', ['-q', '-3', '-T1', '-f', '-o', `${plain}.zst`, plain], { signal });
  await appendFile(initrd, await readFile(`${plain}.zst`));
  const { digest, bytes } = await digestOf(initrd, signal);
  return { digest, bytes };
}
