// bound: 3600 s, with virtual machines
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import type { Vm } from '../../deploy/lab/vm.ts';
import { CloneLab, told } from '../lab/clone-lab.ts';
import { disksFor, goldenDisks, installMs, startGolden } from '../lab/golden-disk.ts';
import { gib } from '../lab/golden-layouts.ts';

/* The life of a clone: the golden client goes on being tuned, is captured again, and its clone is brought up to date. */

let lab: CloneLab;
let vm: Vm;

beforeAll(async () => {
  await goldenDisks('ext4');
  lab = await CloneLab.start(['golden', 'c1']);
}, 1_500_000);

afterAll(async () => {
  await lab.stop();
});

/** What must stay as it is on a clone, whatever its image becomes. */
const identity = `cat /etc/hostname /etc/hosts /etc/machine-id /etc/fstab /etc/network/interfaces
  sha256sum /etc/ssh/ssh_host_* /boot/grub/grub.cfg; find /var/lib/hostler/agent -name '*.pem' -exec sha256sum {} +`;

const capture = (): Promise<string> => lab.runFor(600_000, 'imgcapture', 'golden', '-t', 'sysclone', '-o', 'web1');

describe('a clone', () => {
  it('is made of a golden client that stays on', { timeout: 3 * installMs }, async () => {
    await startGolden(lab, 'golden', 'ext4');
    await eventually('the golden client is connected', () => lab.connected('golden'), {
      timeoutMs: 400_000,
      everyMs: 1000,
    });
    await capture();
    await lab.run('nodeset', 'c1', 'osimage=web1');
    vm = await lab.power('c1', { firmware: 'bios', disks: await disksFor(lab, 'c1', [4 * gib], 'virtio') });
    await lab.booted('c1', installMs);
    expect(await told(vm)).toMatchObject({ name: 'c1', failed: '' });
    expect(await lab.connected('golden')).toBe(true);
  });

  it('gets what a recapture brought, keeps what it is, and starts again', { timeout: 2 * installMs }, async () => {
    const before = await lab.on('c1', identity);
    expect(before).toMatch(/^c1\n/);
    expect(before).toContain('.pem');
    await lab.on('c1', 'echo own >/home/kept; echo stray >/srv/stray');
    await lab.on(
      'golden',
      'echo tuned >>/srv/marked && echo new >/srv/new && setfattr -n user.colour -v red /srv/attributed && rm /srv/old',
    );
    const [, came = '', unit, whole] =
      /\(([\d.]+) (\w+) of ([\d.]+ \w+)\) came over the line/.exec(await capture()) ?? [];
    // Its logs and state move, its packages do not.
    expect({ unit, whole }).toMatchObject({ unit: expect.stringMatching(/^[kM]?B$/) as string });
    expect(unit === 'MB' ? Number(came) : 0).toBeLessThan(20);

    const said = await lab.runFor(300_000, 'updatenode', 'c1', '-S', '-V');
    for (const path of ['srv/marked', 'srv/new', 'srv/attributed', 'srv/old', 'srv/stray'])
      expect(said).toContain(path);
    expect(await lab.on('c1', 'cat /srv/marked /srv/again /srv/new; stat -c %h /srv/marked; ls /srv')).toMatch(
      /^heretuned\nheretuned\nnew\n2\n/,
    );
    expect(await lab.on('c1', 'getfattr --only-values -n user.colour /srv/attributed')).toBe('red');
    expect(
      await lab.on('c1', 'for name in old stray; do [ ! -e /srv/$name ] || echo $name; done; cat /home/kept'),
    ).toBe('own\n');
    expect(await lab.on('c1', identity)).toBe(before);
    expect(await lab.attribute('c1', 'currstate')).toBe('boot');

    const length = (await vm.console.text()).length;
    await vm.reset();
    expect(await told(vm, length)).toMatchObject({ name: 'c1', links: '2', failed: '' });
    expect(await lab.on('c1', identity)).toBe(before);
    await eventually('it is connected again', () => lab.connected('c1'), { timeoutMs: 120_000, everyMs: 1000 });
    expect(await lab.connected('golden')).toBe(true);
  });
});
