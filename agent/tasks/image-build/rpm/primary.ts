import { open, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../../shared/process/run.ts';

const unpackers: readonly (readonly [ending: string, program: string])[] = [
  ['.gz', 'gzip'],
  ['.xz', 'xz'],
  ['.zst', 'zstd'],
  ['.bz2', 'bzip2'],
];

/** Digests of the package files of a repository by `name version arch`, out of its primary list. `folder`: its repodata. */
export async function readPrimary(folder: string, signal: AbortSignal): Promise<Map<string, string>> {
  const name = (await readdir(folder)).find((entry) => /primary\.xml(?:\.\w+)?$/.test(entry));
  return name === undefined ? new Map() : parsePrimary(await unpacked(join(folder, name), signal));
}

async function unpacked(file: string, signal: AbortSignal): Promise<string> {
  const program = unpackers.find(([ending]) => file.endsWith(ending))?.[1];
  if (program === undefined) return readFile(file, 'utf8');
  const plain = `${file}.plain-${process.pid}`;
  const handle = await open(plain, 'wx', 0o600);
  try {
    await run(program, ['-d', '-c', file], { stdoutTo: handle.fd, signal });
    return await readFile(plain, 'utf8');
  } finally {
    await handle.close();
    await rm(plain, { force: true });
  }
}

/** The few fields that are needed, by their form: what createrepo and its kin write is regular. */
export function parsePrimary(xml: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of xml.split('<package ').slice(1)) {
    const name = /<name>([^<]+)<\/name>/.exec(part)?.[1];
    const arch = /<arch>([^<]+)<\/arch>/.exec(part)?.[1];
    const version = /<version\s([^>]*)>/.exec(part)?.[1] ?? '';
    const digest = /<checksum [^>]*>([0-9a-f]+)<\/checksum>/.exec(part)?.[1];
    const field = (word: string): string => new RegExp(`\\b${word}="([^"]*)"`).exec(version)?.[1] ?? '';
    if (name === undefined || arch === undefined || digest === undefined) continue;
    const epoch = field('epoch');
    found.set(
      `${name} ${epoch === '' || epoch === '0' ? '' : `${epoch}:`}${field('ver')}-${field('rel')} ${arch}`,
      digest,
    );
  }
  return found;
}
