import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { hiddenDigest, imageStatement, isPublicKey, isSigned } from '../../shared/identity/image-statement.ts';
import { run } from '../../shared/process/run.ts';
import { bundleNames } from '../../shared/task/image-export.ts';
import { packedName } from '../../shared/task/image-pack.ts';
import { managerPlace } from '../connect/place.ts';

interface Manifest {
  readonly image: string;
  readonly method: string;
  readonly compress: string;
  readonly nodeFiles: string;
  readonly files: Readonly<Record<string, { readonly digest: string; readonly bytes: number }>>;
}

/**
 * Checks the files of an exported image without asking anybody: each against the manifest, the manifest against the
 * signature, the signature against the manager's public key. Returns the exit code.
 */
export async function verifyImage(place: string, key: string | undefined): Promise<number> {
  const publicKey = readKey(key);
  if (statSync(place).isDirectory()) return verifyFolder(place, publicKey);
  const work = await mkdtemp(join(tmpdir(), 'hostler-verify-'));
  try {
    // Only plain names of our own; whatever else a bundle holds is not unpacked.
    const { stdout } = await run('tar', ['--list', '--gzip', '--file', place], { keepBytes: 4 << 20 });
    const wanted = stdout.split('\n').filter((name) => /^[\w.@+-]+\/[\w.@+-]+$/.test(name));
    await run('tar', [
      '--extract',
      '--gzip',
      '--file',
      place,
      '--directory',
      work,
      '--strip-components=1',
      '--',
      ...wanted,
    ]);
    return await verifyFolder(work, publicKey);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function verifyFolder(folder: string, publicKey: string): Promise<number> {
  const text = read(join(folder, 'manifest.json'));
  const signature = read(join(folder, 'signature')).trim();
  const manifest = JSON.parse(text) as Manifest;
  const digest = createHash('sha256').update(text).digest('hex');
  const problems: string[] = [];
  if (!isSigned(imageStatement(digest, manifest.files['root']?.digest ?? ''), signature, publicKey)) {
    problems.push('the signature is not of this key');
  }
  for (const [what, blob] of Object.entries(manifest.files)) {
    const name = what === 'root' ? packedName(manifest.method, manifest.compress) : (bundleNames[what] ?? what);
    const file = join(folder, name);
    const found = await digestOf(file).catch(() => 'nothing');
    if (found !== blob.digest) problems.push(`${basename(file)} is ${found}, the manifest says ${blob.digest}`);
  }
  if (manifest.nodeFiles !== '') {
    const name = bundleNames['files'] ?? '';
    const found = await digestOf(join(folder, name)).catch(() => '');
    if (hiddenDigest(found) !== manifest.nodeFiles) problems.push(`${name} is not what the manifest says`);
  }
  for (const problem of problems) process.stderr.write(`${manifest.image}: ${problem}\n`);
  if (problems.length === 0)
    process.stdout.write(`${manifest.image}@${digest.slice(0, 12)} is whole and signed by ${publicKey}.\n`);
  return problems.length === 0 ? 0 : 1;
}

function readKey(key: string | undefined): string {
  if (key !== undefined && isPublicKey(key)) return key;
  const place = managerPlace(process.env);
  const file = key ?? (place.kind === 'socket' ? join(place.home, 'image-key.pub') : 'image-key.pub');
  const found = read(file).trim();
  if (isPublicKey(found)) return found;
  throw new HostlerError('invalid_argument', `${file} holds no public key of 64 hexadecimal digits.`);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HostlerError(
      'not_found',
      `${file} cannot be read, so nothing can be verified. Name the key with --key.`,
      { cause },
    );
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) hash.update(piece);
  });
  return hash.digest('hex');
}
