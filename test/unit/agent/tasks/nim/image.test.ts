import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeImage } from '../../../../../agent/tasks/nim/image.ts';
import type { NimImageSpec } from '../../../../../shared/task/nim.ts';
import { nimLab, type NimLab } from '../../../../nim/support/lab.ts';

let lab: NimLab;
beforeEach(async () => {
  lab = await nimLab();
});
afterEach(() => {
  lab.close();
});

function diskless(): NimImageSpec {
  const { base, media } = lab;
  const folder = (type: string) => ({
    type,
    name: `61cosi_${type}`,
    make: { location: join(base, type, `61cosi_${type}`), attributes: [] },
  });
  return {
    image: '61cosi',
    base,
    device: media,
    resources: [
      {
        type: 'lpp_source',
        name: '61cosi_lpp_source',
        make: { location: join(base, 'lpp_source/61cosi_lpp_source'), attributes: [['source', media]] },
      },
      {
        type: 'spot',
        name: '61cosi',
        make: { location: join(base, 'spot/61cosi/usr'), attributes: [['source', '61cosi_lpp_source']] },
      },
      {
        ...folder('shared_root'),
        make: { location: join(base, 'shared_root/61cosi_shared_root'), attributes: [['spot', '61cosi']] },
      },
      folder('paging'),
    ],
  };
}

test('sets NIM up once and makes what a stateless image needs', async () => {
  const result = await makeImage(lab.master, diskless(), () => {});
  expect(result.resources).toEqual({
    lpp_source: '61cosi_lpp_source',
    spot: '61cosi',
    shared_root: '61cosi_shared_root',
    paging: '61cosi_paging',
  });
  expect(result.lines).toEqual(['Configuring NIM.']);
  const again = await makeImage(lab.master, diskless(), () => {});
  expect(again.lines).toContain("Using existing spot resource named '61cosi'.");
  expect(lab.commands().filter((line) => line.startsWith('nim_master_setup'))).toHaveLength(1);
  expect(lab.commands().filter((line) => line.includes('define'))).toHaveLength(4);
}, 60_000);

test('does not take a half-built SPOT for a whole one', async () => {
  const full = join(lab.base, 'spot');
  lab.standIn.set({ fullPaths: [full] });
  await expect(makeImage(lab.master, diskless(), () => {})).rejects.toThrow(/not enough free disk space|enlarged/i);
  lab.standIn.set({ fullPaths: [] });
  await expect(makeImage(lab.master, diskless(), () => {})).rejects.toThrow(/left half-built/);
}, 60_000);

test('refuses a resource of the right name at another place', async () => {
  await makeImage(lab.master, diskless(), () => {});
  const other = {
    ...diskless(),
    resources: [{ type: 'paging', name: '61cosi_paging', make: { location: '/elsewhere/paging', attributes: [] } }],
  };
  await expect(makeImage(lab.master, other, () => {})).rejects.toThrow(/exists at .*, not at \/elsewhere/);
}, 60_000);
