// bound: 1800 s, with virtual machines
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { CloneLab, addressOf } from '../lab/clone-lab.ts';
import { goldenDisks, startGolden } from '../lab/golden-disk.ts';
import { snapshotScript } from '../lab/snapshot-script.ts';

/*
 * imgcapture -t diskless of a machine that runs from its disks (UEFI, LVM, xfs), packed as any image, and booted in memory
 * by `hostler image test` up to its agent's hello. A script that runs there looks at what a careless capture would lose.
 */

let lab: CloneLab;

beforeAll(async () => {
  await goldenDisks('lvm');
  lab = await CloneLab.start(['golden'], 'boot,store,build');
}, 1_100_000);

afterAll(async () => {
  await lab.stop();
});

/** Runs in the image. What is said on failure is in the test's answer. */
const health = `#!/bin/sh
set -e
fail() { echo "$*"; exit 1; }
findmnt -n -o FSTYPE / | grep -q overlay || fail "the root is no overlay: $(findmnt -n /)"
[ -s /etc/machine-id ] || fail 'no machine id'
getcap /usr/bin/marked | grep -q cap_net_raw || fail 'the capability is lost'
[ "$(stat -c %h /srv/marked)" = 2 ] || fail 'the hard link is lost'
[ ! -e /usr/share/bug ] || fail 'what the list names is there'
! grep -v '^#' /etc/fstab || fail 'it would look for disks'
[ -z "$(find /etc/lvm/backup /etc/lvm/archive -type f 2>/dev/null)" ] || fail 'volumes of the golden client'
! grep -q golden /opt/hostler/agent.json || fail 'it would join as a golden client'
`;

describe('a stateless image of a running machine', () => {
  it('is captured while it runs', { timeout: 700_000 }, async () => {
    const lists = join(lab.dir, 'install/custom/netboot/debian');
    await mkdir(lists, { recursive: true });
    await writeFile(join(lists, 'login.imgcapture.exlist'), './usr/share/bug*\n./srv/line*\n');
    await startGolden(lab, 'golden', 'lvm');
    await eventually('the golden client is connected', () => lab.connected('golden'), {
      timeoutMs: 240_000,
      everyMs: 1000,
    });
    const asked = [
      'golden',
      '-t',
      'diskless',
      '-o',
      'ram',
      '-p',
      'login',
      '-i',
      'eth0',
      '-r',
      'eth1',
      '-n',
      'virtio_net',
    ];
    const said = await lab.runFor(600_000, 'imgcapture', ...asked);
    expect(said).toContain('Capturing image on golden...');
    expect(said).toContain('packimage ram makes it bootable');
    // There is room in its volume group; /boot is on no volume.
    expect(said).toMatch(/^Read: \/ from a snapshot of LVM; \/boot in passes: /m);
    const image = await lab.run('lsdef', '-t', 'osimage', '-o', 'ram');
    for (const line of ['provmethod=netboot', 'profile=login', 'osvers=debian12', 'osarch=x86_64', 'nodebootif=eth0'])
      expect(image).toContain(`    ${line}\n`);
  });

  it(
    'is fetched once by plain rsync, as SystemImager asks for it, and the port closes',
    { timeout: 400_000 },
    async () => {
      const server = lab.network.address;
      const captured = lab.runFor(380_000, 'imgcapture', 'golden', '--classic', server);
      captured.catch(() => {}); // looked at below
      const rsync = (...args: string[]): Promise<string> => {
        const [program = '', ...words] = lab.network.inside(['rsync', '--timeout=120', ...args]);
        return run(program, words, { env: { LC_ALL: 'C' } }).then(({ stdout }) => stdout);
      };
      const from = (module: string): string => `rsync://${addressOf(0)}/${module}`;
      const isOpen = (): Promise<boolean> =>
        rsync(from('')).then(
          (list) => /^root\b/m.test(list),
          () => false,
        );
      await eventually('its port is open', isOpen, { timeoutMs: 120_000, everyMs: 500 });
      // Facts systemimager.md, section 4.2: one file, the machine by its own options, a module that nobody has.
      const into = join(lab.dir, 'classic');
      await mkdir(join(into, 'etc/systemimager'), { recursive: true });
      await rsync('-aL', from('root/etc/systemimager/mounted_filesystems'), `${into}/etc/systemimager/`);
      const mounted = await readFile(join(into, 'etc/systemimager/mounted_filesystems'), 'utf8');
      expect(mounted).toMatch(/^\/dev\/mapper\/vg0-root on \/ type xfs \(/m);
      const foreign = mounted
        .split('\n')
        .map((line) => line.split(' '))
        .filter((words) => words.length > 4 && !/^(?:ext[234]|reiserfs|jfs|xfs|vfat|fat)$/.test(words[4] ?? ''))
        .map((words) => `--exclude=${words[2] ?? ''}/*`);
      const passedBy = ['--exclude=/usr/*', ...foreign];
      await rsync(
        '-aHS',
        '--numeric-ids',
        '--delete',
        '--delete-excluded',
        ...passedBy,
        `${from('root')}/`,
        `${into}/`,
      );
      await rsync(from('__cloning_completed__')).catch(() => undefined);
      expect(await captured).toContain('All of golden was fetched, and the port is closed again.');
      expect(await isOpen()).toBe(false);
      expect(await readFile(join(into, 'etc/systemimager/autoinstallscript.conf'), 'utf8')).toContain('<config>');
      expect(await readFile(join(into, 'srv/marked'), 'utf8')).toBe('here');
      expect(await readdir(join(into, 'boot'))).toContain('efi');
      const own = await readdir(join(into, 'etc/ssh'));
      expect(own.filter((name) => name.startsWith('ssh_host_'))).toEqual([]);
      expect(await readdir(join(into, 'var/lib'))).not.toContain('hostler');
      await lab.pullPlug('golden');
    },
  );

  it('is packed and boots in memory, as one of packages does', { timeout: 700_000 }, async () => {
    await lab.runFor(300_000, 'packimage', 'ram');
    const script = join(lab.dir, 'health');
    await writeFile(script, health);
    const said = await lab.runFor(600_000, 'hostler', 'image', 'test', 'ram', '--script', script, '--timeout', '500');
    expect(said).toMatch(/^ram@[0-9a-f]{12} passed: hello after \d+/m);
    expect(await lab.run('hostler', 'image', 'show', 'ram')).toMatch(/passed/);
  });

  it('runs on a machine where snapshots are what a capture takes them for', { timeout: 700_000 }, async () => {
    const script = join(lab.dir, 'snapshots');
    await writeFile(script, snapshotScript);
    const said = await lab.runFor(600_000, 'hostler', 'image', 'test', 'ram', '--script', script, '--timeout', '500');
    expect(said).toMatch(/^ram@[0-9a-f]{12} passed: /m);
  });
});
