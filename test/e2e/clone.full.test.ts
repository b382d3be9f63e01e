// bound: 1800 s, with virtual machines
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { CloneLab, addressOf, told, type LabMachine } from '../lab/clone-lab.ts';
import { compareMachines } from '../lab/compare.ts';
import { disksFor, goldenDisks, installMs, startGolden } from '../lab/golden-disk.ts';
import { gib } from '../lab/golden-layouts.ts';

/*
 * imgcapture of a machine that runs, and two clones of it on other disks. The golden client (UEFI, LVM, xfs, one virtio
 * disk) was made by Hostler's own installer and is kept between runs: without it, this begins with making it.
 */

let lab: CloneLab;
let golden: LabMachine;
const clones = ['c1', 'c2'] as const;
const machines = new Map<string, LabMachine>();

/** Overrides, from the one that is laid first; what each brings: a file of its name, and the one that all have. */
const overrides = ['web1', 'global', 'rack1', 'c1'];
const scripts = ['10all.first', '20rack1.group', '05c1.own'];

beforeAll(async () => {
  await goldenDisks('lvm');
  lab = await CloneLab.start(['golden', ...clones]);
  await lab.run('chdef', '-t', 'node', '-o', 'c1', 'groups=all,rack1');
  const below = join(lab.dir, 'install/sysclone');
  for (const name of overrides) {
    await mkdir(join(below, 'overrides', name, 'etc/lab'), { recursive: true });
    await writeFile(join(below, 'overrides', name, 'etc/lab', name), `${name}\n`);
    await writeFile(join(below, 'overrides', name, 'etc/lab/last'), `${name}\n`);
  }
  await mkdir(join(below, 'scripts/post-install'), { recursive: true });
  for (const name of scripts) {
    const text = `#!/bin/sh\necho ${name} $HOSTNAME $IPADDR $IMAGENAME >>/etc/lab/scripts\n`;
    await writeFile(join(below, 'scripts/post-install', name), text, { mode: 0o755 });
  }
}, 1_500_000);

afterAll(async () => {
  await lab.stop();
});

describe('a golden client', () => {
  it('is captured while it runs', { timeout: 900_000 }, async () => {
    golden = await startGolden(lab, 'golden', 'lvm');
    await eventually('the golden client is connected', () => lab.connected('golden'), {
      timeoutMs: 400_000,
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

  it(
    'becomes two nodes on larger NVMe disks, both on one screen while it happens',
    { timeout: 2 * installMs },
    async () => {
      expect(await lab.run('nodeset', clones.join(','), 'osimage=web1')).toContain('c1: sysclone debian12-x86_64');
      const vms = await Promise.all(
        clones.map(async (node, index) => {
          const machine = { firmware: 'uefi', disks: await disksFor(lab, node, [(5 + index) * gib], 'nvme') } as const;
          machines.set(node, machine);
          return lab.power(node, machine);
        }),
      );
      const screens = await lab.deploys(clones, 2 * installMs);
      const both = screens.filter((screen) => clones.every((node) => rowOf(screen, node)?.startsWith('installing')));
      expect(both.length).toBeGreaterThan(0);
      for (const node of clones) {
        const rows = screens.map((screen) => rowOf(screen, node) ?? '');
        // State, percent, rate; then time left, time taken and the step with the bytes.
        const filling = /^installing +\d+ % +[\d.]+ MB\/s +.*filling: \d+ %, \d+ of \d+ MB/;
        expect(rows.some((row) => filling.test(row))).toBe(true);
        expect(rows.some((row) => /^installing .*installing the boot loader/.test(row))).toBe(true);
        expect(rows.at(-1)).toMatch(/^booted/);
      }
      for (const [index, vm] of vms.entries()) {
        const node = clones[index] ?? '';
        const seen = await told(vm);
        expect(seen).toMatchObject({ name: node, ip: `${addressOf(1 + index)}/24`, links: '2', acl: '1', failed: '' });
        expect(seen['root']).toMatch(index === 0 ? /vg0-root,xfs,4\.\dG/ : /vg0-root,xfs,5\.\dG/);
        expect(await lab.attribute(node, 'currstate')).toBe('boot');
        expect(await lab.connected(node)).toBe(true);
        // What was laid over the tree, and which of them was the last.
        expect({ laid: seen['laid'], last: seen['last'], scripts: seen['scripts'] }).toEqual(
          index === 0
            ? {
                laid: 'c1,global,last,rack1,scripts,web1,',
                last: 'c1',
                scripts: scripts.map((name) => `${name}:c1:${addressOf(1)}:web1,`).join(''),
              }
            : { laid: 'global,last,scripts,web1,', last: 'global', scripts: `10all.first:c2:${addressOf(2)}:web1,` },
        );
      }
      for (const node of clones) expect(await lab.shutDown(node)).toBe(true);
    },
  );

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
      const added = (...names: string[]): string[] =>
        ['', ...names.sort().map((name) => `/${name}`)].map((name) => `b'etc/lab${name}' is only in the clone`);
      expect({ differences, leaks, shared }).toEqual({
        differences: {
          c1: added('last', 'scripts', ...overrides),
          c2: added('last', 'scripts', 'web1', 'global'),
        },
        leaks: { c1: [], c2: [] },
        shared: { 'golden c1': [], 'golden c2': [], 'c1 c2': [] },
      });
      for (const node of ['golden', ...clones]) {
        expect(found.entries[node]).toBeGreaterThan(3_000);
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

/** A node's line of `hostler deploys`, from its state on. */
function rowOf(screen: string, node: string): string | undefined {
  return new RegExp(`^${node} +\\S+ +(.*)$`, 'm').exec(screen)?.[1];
}
