import { expect } from 'vitest';
import type { scenarios } from './scenario.ts';

/** nimnodeset of so many nodes with the image `img`: what it costs is counted in NIM commands. */
export async function setManyUp({ site, works }: ReturnType<typeof scenarios>, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `many${String(index + 1).padStart(3, '0')}`);
  site().view.commit(
    names.map((name, index) => ({
      type: 'node',
      name,
      values: {
        'nodelist.groups': 'many',
        'hosts.ip': `10.0.0.${String((index % 200) + 30)}`,
        'mac.mac': `00:11:22:44:00:${index.toString(16).padStart(2, '0')}`,
      },
    })),
  );
  const before = site().commands().length;
  await works('nimnodeset -i img many');
  const during = site().commands().slice(before);
  expect(during.filter((line) => line === 'lsnim -l')).toHaveLength(2);
  // Each is defined and set up; resolv_conf and script are made.
  expect(during.filter((line) => line.startsWith('nim '))).toHaveLength(2 * count + 2);
}
