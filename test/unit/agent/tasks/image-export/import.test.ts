import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageImport } from '../../../../../agent/tasks/image-export/import.ts';
import { run } from '../../../../../shared/process/run.ts';
import type { ImageImportResult } from '../../../../../shared/task/image-export.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'import-'));
  mkdirSync(join(dir, 'task'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Imports a bundle of those files, by the path that the bundle names for each. */
async function imported(paths: readonly string[], postinstall: string, profile: string): Promise<ImageImportResult> {
  const folder = join(dir, 'img');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const files = paths.map((path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    writeFileSync(join(folder, name), `content of ${name}\n`);
    return `<file><name>${name}</name><path>${path}</path></file>`;
  });
  writeFileSync(
    join(folder, 'manifest.xml'),
    '<?xml version="1.0"?>\n<xcatimage><imagename>img-compute</imagename><osimage><profile>compute</profile></osimage>' +
      `<linuximage><postinstall>${postinstall}</postinstall></linuximage>${files.join('')}</xcatimage>\n`,
  );
  const bundle = join(dir, 'bundle.tgz');
  await run('tar', ['--create', '--gzip', '--file', bundle, '--directory', dir, 'img']);
  const result = await imageImport.run({
    ...{ home: dir, installDir: join(dir, 'install'), dir: join(dir, 'task'), tftpDir: dir, id: 'x', correlation: '' },
    spec: { bundle, profile, key: '' },
    signal: new AbortController().signal,
    log: () => undefined,
    progress: () => undefined,
  });
  return result as unknown as ImageImportResult;
}

describe('imgimport', () => {
  it('puts files back where they were; what is called is a program, whatever its name', async () => {
    const [list, one, two] = ['a.pkglist', 'one', 'two'].map((name) => join(dir, 'install', name)) as [
      string,
      string,
      string,
    ];
    const { row, files } = await imported([list, one, two], `${one} x y, ${two}`, '');
    expect(files).toEqual([list, one, two]);
    expect(row['linuximage.postinstall']).toBe(`${one} x y, ${two}`);
    expect([list, one, two].map((file) => statSync(file).mode & 0o777)).toEqual([0o644, 0o755, 0o755]);
  });

  it('with another profile puts them into a folder of their own, and names them there', async () => {
    const { image, row } = await imported(['/etc/one', '/anywhere/two'], '/etc/one x y, /anywhere/two', 'copy');
    const own = join(dir, 'install/custom/netboot/img-copy');
    expect(image).toBe('img-copy');
    expect(row['linuximage.postinstall']).toBe(`${own}/one x y, ${own}/two`);
    expect(statSync(join(own, 'two')).mode & 0o777).toBe(0o755);
  });

  it('writes nothing of a bundle one of whose files must not be written', async () => {
    const first = join(dir, 'install/first');
    await expect(imported([first, '/root/.ssh/authorized_keys'], '', '')).rejects.toThrow('which no image needs');
    expect(existsSync(first)).toBe(false);
  });
});
