import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeImage } from '../../../../../agent/tasks/nim/image.ts';
import { ensureResource } from '../../../../../agent/tasks/nim/resources.ts';
import { needSpaceForImage, needsOf } from '../../../../../agent/tasks/nim/space.ts';
import type { NimPairs, NimResourceSpec } from '../../../../../shared/task/nim.ts';
import { nimLab, type NimLab } from '../../../../nim/support/lab.ts';

let lab: NimLab;
beforeEach(async () => {
  lab = await nimLab();
  await lab.master.tool('nimconfig', ['-a', 'pif_name=en0', '-a', 'netname=lan']);
});
afterEach(() => {
  lab.close();
});

function program(name: string, text: string): void {
  const file = join(lab.standIn.bin, name);
  rmSync(file, { force: true });
  writeFileSync(file, `#!/bin/sh\nfor last; do :; done\n${text}\n`, { mode: 0o755 });
}

/** Megabytes: free on the master, and what each path holds (by its end). */
function disk(free: number, sizes: Readonly<Record<string, number>>, chfs = 'exit 1'): void {
  program(
    'df',
    `echo 'Filesystem    MB blocks      Free %Used    Iused %Iused Mounted on'\necho '/dev/fslv00 90000.00 ${String(free)}.00 50% 12345 1% /export'`,
  );
  const cases = Object.entries(sizes).map(([end, size]) => `*${end}) echo "${String(size * 1024)} $last";;`);
  program('du', `case "$last" in\n${cases.join('\n')}\n*) exit 1;;\nesac`);
  program('chfs', `echo "$*" >> ${lab.dir}/chfs; ${chfs}`);
}

const defined = (): string[] => lab.commands().filter((line) => line.includes('-o define'));

function lppSource(attributes: NimPairs): NimResourceSpec {
  return { type: 'lpp_source', name: 'lpp', make: { location: join(lab.base, 'lpp_source/lpp'), attributes } };
}
function spot(name: string, source: string): NimResourceSpec {
  return {
    type: 'spot',
    name,
    make: { location: join(lab.base, `spot/${name}/usr`), attributes: [['source', source]] },
  };
}
const image = (...resources: NimResourceSpec[]) => ({ image: 'img', base: lab.base, device: lab.media, resources });

test('the size of the source counts: told before anything is made, and what for', async () => {
  disk(5000, { '/media': 4600 });
  const spec = image(lppSource([['source', lab.media]]), spot('img', 'lpp'));
  await expect(makeImage(lab.master, spec, () => {})).rejects.toThrow(
    /has 5000 MB free, and \d+ MB are needed \(4700 MB for .*\/lpp_source\/lpp, 800 MB for .*\/spot.*\); it could not be enlarged/,
  );
  expect(defined()).toEqual([]);
});

test('one file system grows once, by what all of them lack together', async () => {
  disk(5000, { '/media': 4600 }, 'exit 0');
  await needSpaceForImage(lab.master, {}, [lppSource([['source', lab.media]]), spot('img', 'lpp')]);
  const boot = existsSync('/tftpboot') ? 64 : 0;
  expect(readFileSync(`${lab.dir}/chfs`, 'utf8')).toBe(`-a size=+${String(500 + boot)}M /export\n`);
});

test('with room for all of it nothing is changed', async () => {
  disk(6000, { '/media': 4600 });
  await needSpaceForImage(lab.master, {}, [lppSource([['source', lab.media]]), spot('img', 'lpp')]);
  expect(existsSync(`${lab.dir}/chfs`)).toBe(false);
});

test('where no size can be seen, what xCAT asked for', async () => {
  disk(5000, { '/media': 4600 });
  const least = async (attributes: NimPairs) => (await needsOf(lab.master, lppSource(attributes)))[0]?.megabytes;
  expect(await least([['source', '/dev/cd0']])).toBe(1500);
  expect(await least([['source', '/nowhere']])).toBe(1500);
  expect(await least([['source', 'nothing-that-nim-knows']])).toBe(1500);
  const some = [
    ['source', lab.media],
    ['packages', 'bos.net'],
  ] as const;
  expect(await least(some)).toBe(1500);
});

test('another lpp_source, and another SPOT, are as large as they are', async () => {
  disk(9000, { '/media': 10, '/lpp_source/lpp': 3000, '/spot/one': 2500, '/spot': 1 });
  await ensureResource(lab.master, lppSource([['source', lab.media]]));
  await ensureResource(lab.master, spot('one', 'lpp'));
  const megabytes = async (resource: NimResourceSpec) => (await needsOf(lab.master, resource))[0]?.megabytes;
  expect(await megabytes(lppSource([['source', 'lpp']]))).toBe(3100);
  expect(await megabytes(spot('two', 'one'))).toBe(2600);
  expect(await megabytes(spot('two', 'lpp'))).toBe(800);
  disk(2000, { '/spot/one': 2500 });
  const copySpot = { from: 'one', to: 'two', parent: join(lab.base, 'spot') };
  await expect(needSpaceForImage(lab.master, { copySpot }, [spot('two', 'one')])).rejects.toThrow(/2600 MB for/);
}, 30_000);

test("a copy of another master's files needs room for what is not here yet", async () => {
  disk(2000, { '/spot/img/': 100 });
  program('ssh', `echo "${String(5000 * 1024)} $last"`);
  program('rsync', `echo called >> ${lab.dir}/rsync; exit 1`);
  const copied = spot('img', '');
  const make = { location: copied.make?.location ?? '', attributes: [], copyFrom: 'mn' };
  mkdirSync(join(lab.base, 'spot/img'), { recursive: true });
  await expect(ensureResource(lab.master, { ...copied, make })).rejects.toThrow(
    /has 2000 MB free, and 5000 MB are needed/,
  );
  expect(existsSync(`${lab.dir}/rsync`)).toBe(false);
  disk(5000, { '/spot/img/': 100 });
  await expect(ensureResource(lab.master, { ...copied, make })).rejects.toThrow(/could not be copied/);
  expect(existsSync(`${lab.dir}/rsync`)).toBe(true);
});
