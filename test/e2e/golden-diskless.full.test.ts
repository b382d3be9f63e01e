// bound: 1400 s, with virtual machines
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { CloneLab } from '../lab/clone-lab.ts';
import { goldenDisks, startGolden } from '../lab/golden-disk.ts';

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
[ -z "$(ls -A /etc/lvm/backup /etc/lvm/archive 2>/dev/null)" ] || fail 'volumes of the golden client'
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
    const image = await lab.run('lsdef', '-t', 'osimage', '-o', 'ram');
    for (const line of ['provmethod=netboot', 'profile=login', 'osvers=debian12', 'osarch=x86_64', 'nodebootif=eth0'])
      expect(image).toContain(`    ${line}\n`);
    await lab.pullPlug('golden');
  });

  it('is packed and boots in memory, as one of packages does', { timeout: 700_000 }, async () => {
    await lab.runFor(300_000, 'packimage', 'ram');
    const script = join(lab.dir, 'health');
    await writeFile(script, health);
    const said = await lab.runFor(600_000, 'hostler', 'image', 'test', 'ram', '--script', script, '--timeout', '500');
    expect(said).toMatch(/^ram@[0-9a-f]{12} passed: hello after \d+/m);
    expect(await lab.run('hostler', 'image', 'show', 'ram')).toMatch(/passed/);
  });
});
