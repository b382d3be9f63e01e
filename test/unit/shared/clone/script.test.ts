import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkedFacts } from '../../../../shared/clone/facts.ts';
import type { CloneFacts } from '../../../../shared/clone/facts.ts';
import { loaderLines } from '../../../../shared/clone/loader.ts';
import { networkFiles } from '../../../../shared/clone/network.ts';
import { checkedCloneNode } from '../../../../shared/clone/node.ts';
import type { CloneNode } from '../../../../shared/clone/node.ts';
import { installScript } from '../../../../shared/clone/script.ts';
import { planDisks } from '../../../../shared/layout/plan.ts';
import { counted, disk, gib, lvm, mirror, raidUuid } from '../layout/samples.ts';

const node: CloneNode = {
  name: 'n1',
  domain: 'cluster.test',
  ip: '10.0.0.7',
  bits: 24,
  gateway: '10.0.0.1',
  nameservers: ['10.0.0.2'],
  mac: '52:54:00:00:00:07',
  protect: [],
  smaller: false,
  groups: [],
};

const facts: CloneFacts = {
  format: 1,
  image: 'img',
  pieces: [],
  tree: { digest: 'a'.repeat(64), bytes: 1000, files: 3 },
  layout: lvm,
  osvers: 'debian12',
  arch: 'x86_64',
  fstab: 'UUID=ABCD-1234 /boot/efi vfat umask=0077 0 1\n',
  crypttab: '',
  network: 'ifupdown',
  loader: { family: 'debian', bios: true, uefi: true, vendor: 'debian' },
  mdadmConf: '',
  drivers: false,
};

const planned = (layout = lvm) =>
  planDisks(
    layout,
    { firmware: layout.firmware, groups: [], disks: [disk('sda', 9 * gib), disk('sdb', 9 * gib)] },
    { protect: [], smaller: false },
    counted(),
    '/target',
  );

/** What the installer brings, and what it finds in its /bin: here each only says what it was given. */
const names = [
  ...['step', 'wait_for', 'fill', 'put', 'away', 'own_name', 'own_keys', 'new_ids', 'raid_table', 'in_target'],
  ...[
    'fallback_loader',
    'other_esp',
    'by_uuid',
    'early_file',
    'early_done',
    'finish',
    'wipefs',
    'sfdisk',
    'lvm',
    'mdadm',
    'mkfs.vfat',
    'mkfs.ext4',
    'mkfs.xfs',
  ],
  ...['mkfs.btrfs', 'mkswap', 'mkdir', 'mount', 'umount', 'btrfs'],
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-script-'));
  const stub = `#!/bin/sh\nprintf '%s' "\${0##*/}"\n[ $# -eq 0 ] || printf '\\037%s' "$@"\nprintf '\\036'\n`;
  for (const name of names) writeFileSync(join(folder, name), stub, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a shell makes of the script: the words of each call. */
function calls(script: string): string[][] {
  const output = execFileSync('/bin/sh', ['-eu'], { input: script, env: { PATH: folder } }).toString();
  return output
    .split('\x1e')
    .slice(0, -1)
    .map((call) => call.split('\x1f'));
}

describe('the script of an installation', () => {
  it('writes nothing before the disks are there, fits everything before the loader, and tells the server last', () => {
    const order = calls(installScript(facts, node, planned())).map(([name]) => name);
    const first = (name: string): number => order.indexOf(name);
    for (const [before, after] of [
      ['sfdisk', 'lvm'],
      ['lvm', 'mkfs.xfs'],
      ['mkfs.xfs', 'mount'],
      ['mount', 'fill'],
      ['fill', 'put'],
      ['put', 'in_target'],
      ['in_target', 'finish'],
    ] as const) {
      expect(first(before), `${before} before ${after}`).toBeGreaterThanOrEqual(0);
      expect(first(before), `${before} before ${after}`).toBeLessThan(first(after));
    }
    expect(order.at(-1)).toBe('finish');
  });

  it('makes RAID tables where there is a RAID, on every disk a boot loader', () => {
    const script = installScript(
      { ...facts, layout: mirror, mdadmConf: '/etc/mdadm/mdadm.conf' },
      node,
      planned(mirror),
    );
    const all = calls(script);
    expect(all).toContainEqual(['raid_table', '/etc/mdadm/mdadm.conf']);
    expect(
      all.filter(([name, program]) => name === 'in_target' && program === 'grub-install').map((call) => call.at(-1)),
    ).toEqual(['/dev/sda', '/dev/sdb']);
  });

  it('fills every EFI system partition of a mirror, and tells the loader the new ids of its RAIDs', () => {
    const disks = [disk('sda', 9 * gib), disk('sdb', 9 * gib)];
    const plan = planDisks(
      mirror,
      { firmware: 'uefi', groups: [], disks },
      { protect: [], smaller: false },
      counted(),
      '/target',
    );
    const all = calls(installScript({ ...facts, layout: mirror, mdadmConf: '/etc/mdadm.conf' }, node, plan));
    expect(all).toContainEqual(['other_esp', '/dev/sdb4']);
    const ids = all.find(([name]) => name === 'new_ids') ?? [];
    const now = ids[ids.indexOf(raidUuid) + 1];
    expect(all.find(([name, mode]) => name === 'mdadm' && mode === '--create')?.join(' ')).not.toContain(raidUuid);
    expect(all.filter(([name]) => name === 'mdadm').flat()).toContain(`--uuid=${now ?? ''}`);
  });

  it('is not made when the captured initramfs could not reach the root of this layout', () => {
    const early = ['ext4', 'xfs', 'btrfs', 'mdadm', 'raid1', 'lvm', 'dm_mod'];
    const made = (layout: typeof lvm, without: string): string =>
      installScript({ ...facts, layout, early: early.filter((one) => one !== without) }, node, planned(layout));
    for (const [layout, part] of [
      [mirror, 'mdadm'],
      [mirror, 'raid1'],
      [mirror, 'btrfs'],
      [lvm, 'lvm'],
      [lvm, 'xfs'],
    ] as const)
      expect(() => made(layout, part)).toThrow(
        new RegExp(`n1 could not start.* has no ${part}, .*Nothing was written`),
      );
    expect(made(mirror, 'lvm')).toContain('finish');
    expect(made(lvm, 'mdadm')).toContain('finish');
  });

  it('tells the early system its own disks, where it names those of the golden client', () => {
    const of = (path: string, text: string) => ({ initrd: '/boot/initrd.img-6.1', path, text });
    const old = lvm.filesystems[3]?.uuid ?? '';
    const earlyTexts = [of('conf/conf.d/resume', `RESUME=UUID=${old}\n`), of('etc/x', 'nothing of ours\n')];
    const all = calls(installScript(checkedFacts({ ...facts, earlyTexts }), node, planned()));
    const [found, ...more] = all.filter(([name]) => name === 'early_file');
    expect(found?.slice(0, 2)).toEqual(['early_file', 'conf/conf.d/resume']);
    expect(found?.[2]).toMatch(/^RESUME=UUID=[0-9a-f-]{36}\n$/);
    expect(found?.[2]).not.toContain(old);
    expect(more).toEqual([]);
    expect(all).toContainEqual(['early_done', '/boot/initrd.img-6.1']);
    expect(calls(installScript(facts, node, planned())).map(([name]) => name)).not.toContain('early_done');
    for (const wrong of [of('../etc/passwd', ''), of('a\nb', ''), { ...of('a', ''), initrd: '/etc/passwd' }])
      expect(() => checkedFacts({ ...facts, earlyTexts: [wrong] })).toThrow(/must be/);
  });

  it('names every file system by its new id before a boot loader looks for it', () => {
    const all = calls(installScript(facts, node, planned()));
    const [, ...pairs] = all.find(([name]) => name === 'by_uuid') ?? [];
    expect(pairs).toHaveLength(2 * lvm.filesystems.length);
    const made = all.find(([name]) => name === 'mkfs.ext4') ?? [];
    expect(pairs[pairs.indexOf('/dev/sda2') - 1]).toBe(made[made.indexOf('-U') + 1]);
    const order = all.map(([name]) => name);
    expect(order.indexOf('by_uuid')).toBeLessThan(order.indexOf('in_target'));
  });

  it('carries any table of a captured machine as it is: no word of it means anything to the shell', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => !/[\0\n\x1e\x1f]/.test(text)),
        (text) => {
          const table = `# ${text}'"$(touch /tmp/no)\`id\` \\`;
          const found = calls(installScript({ ...facts, fstab: table }, node, planned())).find(
            (call) => call[2] === '/etc/fstab',
          );
          expect(found?.[3]).toBe(table);
        },
      ),
      { numRuns: 5 },
    );
  });

  it('has the id of each file system replaced', () => {
    const call = calls(installScript(facts, node, planned())).find(([name]) => name === 'new_ids');
    expect(call).toContain('abcd-1234');
    expect((call?.length ?? 0) % 2).toBe(1);
  });
});

describe('a boot loader', () => {
  it('that the golden image does not have is said before anything is written', () => {
    expect(() => installScript({ ...facts, loader: { ...facts.loader, uefi: false } }, node, planned())).toThrow(
      /n1 starts by UEFI, and the golden image has no boot loader for UEFI \(grub-efi\). Nothing was written/,
    );
  });

  it('of signed programs is taken as it was captured', () => {
    expect(
      loaderLines({ family: 'redhat', bios: false, uefi: true, vendor: 'rocky' }, 'uefi', ['/dev/sda'], 'n1'),
    ).toEqual(['fallback_loader rocky', 'in_target grub2-mkconfig -o /boot/grub2/grub.cfg']);
  });
});

describe('the network of a clone', () => {
  it.each([
    ['ifupdown', '/etc/network/interfaces', 'auto mac/52:54:00:00:00:07=boot'],
    ['networkd', '/etc/systemd/network/10-hostler.network', 'PermanentMACAddress=52:54:00:00:00:07'],
    ['netplan', '/etc/netplan/50-hostler.yaml', 'macaddress: "52:54:00:00:00:07"'],
    ['networkmanager', '/etc/NetworkManager/system-connections/hostler.nmconnection', 'mac-address=52:54:00:00:00:07'],
    ['ifcfg', '/etc/sysconfig/network-scripts/ifcfg-hostler', 'HWADDR=52:54:00:00:00:07'],
  ] as const)('is written for %s, known by its card, with its address', (kind, path, line) => {
    const { files, away } = networkFiles(kind, node);
    const file = files.find((one) => one.path === path);
    expect(file?.text).toContain(line);
    expect(file?.text).toContain('10.0.0.7');
    expect(file?.text).toContain('10.0.0.1');
    expect(away.length).toBeGreaterThan(0);
    // NetworkManager and netplan do not read what others could.
    expect(file?.mode).toBe(kind === 'networkmanager' || kind === 'netplan' ? 0o600 : 0o644);
  });
});

describe('what comes from outside', () => {
  it.each([
    ['name', 'n1; reboot'],
    ['gateway', '10.0.0.1 x'],
    ['mac', '52:54:00:00:00'],
    ['domain', 'a b'],
  ])('is refused as %s: %s', (field, value) => {
    expect(() => checkedCloneNode({ ...node, [field]: value })).toThrow(`clone.${field}`);
  });

  it('comes back as it is where it is right', () => {
    expect(checkedCloneNode(JSON.parse(JSON.stringify(node)))).toEqual(node);
    expect(checkedFacts(JSON.parse(JSON.stringify(facts)))).toEqual(facts);
    expect(() => checkedFacts({ ...facts, mdadmConf: '/etc/passwd' })).toThrow('mdadm.conf');
  });
});

describe('drivers that the captured initramfs lacks', () => {
  it('are added for the disks that were taken, where the installer has any', () => {
    expect(installScript({ ...facts, drivers: true }, node, planned())).toContain('\nmore_drivers sda\n');
    expect(installScript(facts, node, planned())).not.toContain('more_drivers');
  });
});
