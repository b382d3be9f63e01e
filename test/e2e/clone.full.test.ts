// bound: 1500 s, with virtual machines
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { CloneLab, addressOf, told, type LabMachine } from '../lab/clone-lab.ts';
import { compareMachines } from '../lab/compare.ts';
import { disksFor, goldenDisks, installMs, startGolden } from '../lab/golden-disk.ts';
import { gib } from '../lab/golden-layouts.ts';

/*
 * imgcapture of a machine that runs, and two clones of it on other disks. The golden client (UEFI, LVM, xfs, one virtio
 * disk) was made by Hostler's own installer and is kept between runs: without it, the first test takes five minutes more.
 */

let lab: CloneLab;
let golden: LabMachine;
const clones = ['c1', 'c2'] as const;
const machines = new Map<string, LabMachine>();

beforeAll(async () => {
  await goldenDisks('lvm');
  lab = await CloneLab.start(['golden', ...clones]);
}, 1_100_000);

afterAll(async () => {
  await lab.stop();
});

describe('a golden client', () => {
  it('is captured while it runs', { timeout: 600_000 }, async () => {
    golden = await startGolden(lab, 'golden', 'lvm');
    await eventually('the golden client is connected', () => lab.connected('golden'), {
      timeoutMs: 240_000,
      everyMs: 1000,
    });
    const said = await lab.runFor(500_000, 'imgcapture', 'golden', '-t', 'sysclone', '-o', 'web1');
    expect(said).toContain('Preparing osimage web1 on golden.');
    expect(said).toContain('The osimage definition for web1 was created.');
    const image = await lab.run('lsdef', '-t', 'osimage', '-o', 'web1');
    for (const line of ['imagetype=linux', 'osarch=x86_64', 'osname=Linux', 'osvers=debian12', 'provmethod=sysclone'])
      expect(image).toContain(`    ${line}\n`);
    expect(image).toContain('postscripts=efibootloader,update_network');
    expect(await lab.shutDown('golden')).toBe(true);
  });

  it('becomes two nodes on larger NVMe disks', { timeout: 2 * installMs }, async () => {
    expect(await lab.run('nodeset', clones.join(','), 'osimage=web1')).toContain('c1: sysclone debian12-x86_64');
    await Promise.all(
      clones.map(async (node, index) => {
        const machine = { firmware: 'uefi', disks: await disksFor(lab, node, [(5 + index) * gib], 'nvme') } as const;
        machines.set(node, machine);
        const vm = await lab.power(node, machine);
        await lab.booted(node, 2 * installMs);
        const seen = await told(vm);
        expect(seen).toMatchObject({ name: node, ip: `${addressOf(1 + index)}/24`, links: '2', acl: '1', failed: '' });
        expect(seen['root']).toMatch(index === 0 ? /vg0-root,xfs,4\.\dG/ : /vg0-root,xfs,5\.\dG/);
        expect(await lab.attribute(node, 'currstate')).toBe('boot');
      }),
    );
    for (const node of clones) {
      expect(await lab.connected(node)).toBe(true);
      expect(await lab.shutDown(node)).toBe(true);
    }
  });

  it(
    'and its clones hold the same files and nothing of each other, by a script of its own',
    { timeout: 450_000 },
    async () => {
      const files = (machine: LabMachine | undefined): string[] => machine?.disks.map(({ file }) => file) ?? [];
      const found = await compareMachines('golden', {
        golden: files(golden),
        ...Object.fromEntries(clones.map((node) => [node, files(machines.get(node))])),
      });
      const { differences, leaks, shared } = found;
      expect({ differences, leaks, shared }).toEqual({
        differences: { c1: [], c2: [] },
        leaks: { c1: [], c2: [] },
        shared: { 'golden c1': [], 'golden c2': [], 'c1 c2': [] },
      });
      for (const node of ['golden', ...clones]) {
        expect(found.entries[node]).toBeGreaterThan(10_000);
        // What is compared must have been found.
        const what = [
          'table',
          'partition',
          'filesystem',
          'pv',
          'vg',
          'lv',
          'machine-id',
          'hostname',
          'host-key',
          'mac',
        ];
        expect(Object.keys(found.ids[node] ?? {}).sort()).toEqual([...what, 'agent', 'random-seed'].sort());
      }
    },
  );
});
