import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobStore } from '../../agent/store/blobs.ts';
import { run } from '../../shared/process/run.ts';
import type { ImageManifest } from '../../shared/task/image-pack.ts';
import type { ImageTasks } from './image-tasks.ts';

interface Bill {
  readonly packages: readonly {
    readonly name: string;
    readonly versionInfo: string;
    readonly externalRefs: readonly { readonly referenceLocator: string }[];
  }[];
}

/**
 * Packs an image folder, and returns what the manifest, the bill of materials and rpm itself say is in it: lines of
 * `name epoch:version-release arch`, sorted. `database`: the folder of rpm's database in the tree.
 */
export async function contentsOf(
  tasks: ImageTasks,
  rootimgdir: string,
  database: string,
): Promise<Record<'manifest' | 'bom' | 'rpm', string[]>> {
  const task = await tasks.pack(rootimgdir, { info: { osvers: 'rocky9.4', arch: 'x86_64', profile: 'compute' } });
  const { manifest, bom } = await task.result;
  const blob = async (digest = ''): Promise<unknown> =>
    JSON.parse(await readFile(new BlobStore(tasks.home).path(digest), 'utf8'));
  const listed = ((await blob(manifest.digest)) as ImageManifest).packages;
  const bill = (await blob(bom?.digest)) as Bill;
  return {
    manifest: listed.map(({ name, version, arch }) => `${name} ${version} ${arch}`).sort(),
    bom: bill.packages
      .map(({ name, versionInfo, externalRefs: [reference] }) => {
        const arch = /^pkg:rpm\/.*[?&]arch=(\w+)/.exec(reference?.referenceLocator ?? '')?.[1];
        return `${name} ${versionInfo} ${arch ?? ''}`;
      })
      .sort(),
    rpm: await asked(join(rootimgdir, 'rootimg', database)),
  };
}

/** On a copy: rpm writes beside a database that it reads. */
async function asked(database: string): Promise<string[]> {
  const copy = await mkdtemp(join(tmpdir(), 'hostler-rpm-asked-'));
  try {
    await cp(database, copy, { recursive: true });
    const format = '%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH}\\n';
    const { stdout } = await run('rpm', ['--dbpath', copy, '-qa', '--qf', format]);
    return stdout.trim().split('\n').sort();
  } finally {
    await rm(copy, { recursive: true });
  }
}
