// bound: 2400 s, with virtual machines
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import type { Vm } from '../../deploy/lab/vm.ts';
import { CloneLab, addressOf, told } from '../lab/clone-lab.ts';
import { disksFor, installMs, packGolden } from '../lab/golden-disk.ts';
import { gib } from '../lab/golden-layouts.ts';

/* A machine without anything on its disk becomes a node, under a real manager and by the commands that people type. */

let lab: CloneLab;
let vm: Vm;

beforeAll(async () => {
  lab = await CloneLab.start(['c0']);
  await packGolden(lab, 'base', 'lvm');
}, 1_200_000);

afterAll(async () => {
  await lab.stop();
});

describe('a golden tree on a bare machine', () => {
  it('becomes an installed system on a larger NVMe disk, registers and stays', { timeout: 2 * installMs }, async () => {
    // The names that xCAT's scripts have today.
    await lab.run('chdef', '-t', 'node', '-o', 'c0', 'postscripts=configefi,updatenetwork');
    expect(await lab.run('nodeset', 'c0', 'osimage=base')).toContain('sysclone');
    const disks = await disksFor(lab, 'c0', [6 * gib], 'nvme');
    vm = await lab.power('c0', { firmware: 'uefi', disks });
    const state = await lab.booted('c0', installMs);
    expect(state['boot.error'] ?? '').toBe('');
    expect(await lab.connected('c0')).toBe(true);
    const seen = await told(vm);
    expect(seen).toMatchObject({
      name: 'c0',
      ip: `${addressOf(0)}/24`,
      efi: 'yes',
      boot: 'ext4',
      acl: '1',
      links: '2',
      failed: '',
    });
    expect(seen['root']).toMatch(/vg0-root,xfs,5\.\dG/);
    expect(seen['caps']).toContain('cap_net_raw');
    expect(await lab.attribute('c0', 'currstate')).toBe('boot');
    const log = await lab.on('c0', 'cat /var/log/xcat/xcat.log');
    for (const name of ['efibootloader', 'update_network', 'configefi', 'updatenetwork'])
      expect(log).toContain(`postscript end...: ${name} return with 0`);
    expect(log).toContain('efibootloader: ');
    expect(log).toContain('update_network: this is c0 with the address 10.77.0.10');
  });

  it('is given its own disk when it asks again, and is who it was', { timeout: installMs }, async () => {
    const [before, length] = [await told(vm), (await vm.console.text()).length];
    await vm.reset();
    const again = await told(vm, length);
    expect(again['id']).toBe(before['id']);
    expect(again['key']).toBe(before['key']);
    await eventually('it is connected again', () => lab.connected('c0'), { timeoutMs: 120_000, everyMs: 1000 });
    expect((await vm.console.text()).slice(length)).not.toContain('hostler: [');
  });
});
