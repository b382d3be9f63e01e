// bound: 2400 s, with virtual machines
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { CloneLab } from '../lab/clone-lab.ts';
import { disksFor, goldenDisks, installMs, packGolden, startGolden } from '../lab/golden-disk.ts';
import { emptyDisk } from '../lab/disks.ts';
import { gib } from '../lab/golden-layouts.ts';

/* What goes wrong while machines are installed: BIOS and one ext4, the quickest to start. */

let lab: CloneLab;

beforeAll(async () => {
  await goldenDisks('ext4');
  lab = await CloneLab.start(['cut', 'line', 'wrong', 'altered', 'golden']);
  await packGolden(lab, 'base', 'ext4');
}, 1_000_000);

afterAll(async () => {
  await lab.stop();
});

async function checksum(file: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const piece of createReadStream(file)) digest.update(piece as Buffer);
  return digest.digest('hex');
}

describe('an installation', () => {
  it('begins again after each power cut, says so, and is whole in the end', { timeout: installMs }, async () => {
    await lab.run('nodeset', 'cut', 'osimage=base');
    const disks = await disksFor(lab, 'cut', [4 * gib], 'virtio');
    const points = [/making ext4/, /filling: [1-9] %/, /filling: [3-6]\d %/, /boot loader/, /finishing/];
    for (const [index, point] of points.entries()) {
      await lab.power('cut', { firmware: 'bios', disks });
      const detail = (state: Readonly<Record<string, string>>): string => state['boot.detail'] ?? '';
      const own = index === 0 ? '' : `try ${index + 1}: `;
      await lab.until(
        'cut',
        `comes to ${point.source}`,
        (state) => detail(state).startsWith(own) && point.test(detail(state)),
        240_000,
      );
      await lab.pullPlug('cut');
    }
    await lab.power('cut', { firmware: 'bios', disks });
    await lab.booted('cut', installMs);
    const log = await lab.run('hostler', 'agents', '-l').catch(() => '');
    expect(log).not.toBe('');
    await lab.pullPlug('cut');
  });

  it('goes on where it was after the network was away for a minute', { timeout: installMs }, async () => {
    await lab.run('nodeset', 'line', 'osimage=base');
    const vm = await lab.power('line', { firmware: 'bios', disks: await disksFor(lab, 'line', [4 * gib], 'ata') });
    await lab.until('line', 'fills', (state) => /filling: [1-5]\d? %/.test(state['boot.detail'] ?? ''), 240_000);
    await lab.link('line', 'down');
    await delay(60_000);
    await lab.link('line', 'up');
    await lab.booted('line', installMs);
    const text = await vm.console.text();
    expect(text).toMatch(/the tree is cut off at \d+ of \d+ bytes; asking again/);
    // One installation, not two.
    expect(text.match(/hostler: \[[\d.]+\] installing/g)).toHaveLength(1);
    await lab.pullPlug('line');
  });

  it('is refused before it writes, says why, and goes on when that was put right', { timeout: installMs }, async () => {
    await lab.run('chdef', '-t', 'site', 'clustersite', 'protectdisk=KEEPME');
    await lab.run('nodeset', 'wrong', 'osimage=base');
    const [small, kept] = [join(lab.dir, 'small.disk'), join(lab.dir, 'kept.disk')];
    await emptyDisk(small, gib);
    await emptyDisk(kept, 4 * gib);
    for (const file of [small, kept]) {
      const handle = await open(file, 'r+');
      await handle.write('precious', 4096);
      await handle.close();
    }
    const before = [await checksum(small), await checksum(kept)];
    const vm = await lab.power('wrong', {
      firmware: 'bios',
      disks: [
        { file: small, bus: 'virtio', serial: 'SMALL' },
        { file: kept, bus: 'virtio', serial: 'KEEPME' },
      ],
    });
    const state = await lab.until('wrong', 'is refused', (one) => (one['boot.error'] ?? '') !== '', 240_000);
    expect(state['boot.error']).toMatch(/needs a disk of at least 3\.\d GiB.*too small.*protected/);
    expect(await vm.console.text()).toContain('Nothing was written');
    expect([await checksum(small), await checksum(kept)]).toEqual(before);
    await lab.run('chdef', '-t', 'site', 'clustersite', 'protectdisk=');
    await lab.run('nodeset', 'wrong', 'osimage=base');
    await lab.until('wrong', 'is installed', (one) => /fitting/.test(one['boot.detail'] ?? ''), 300_000);
    expect(await checksum(small)).toBe(before[0]);
    await lab.pullPlug('wrong');
  });

  it('does not take an altered image', { timeout: installMs }, async () => {
    await lab.run('nodeset', 'altered', 'osimage=base');
    await alterLargestBlob();
    const vm = await lab.power('altered', {
      firmware: 'bios',
      disks: await disksFor(lab, 'altered', [4 * gib], 'scsi'),
    });
    const state = await lab.until('altered', 'is refused', (one) => one['nodelist.status'] === 'failed', 300_000);
    expect(state['boot.error']).toContain('filling');
    expect(await vm.console.text()).not.toContain('installed; restarting from disk');
    await lab.pullPlug('altered');
  });
});

describe('a capture', () => {
  it(
    'makes no image of a golden client that was switched off on the way, and goes on from there',
    {
      timeout: installMs,
    },
    async () => {
      const machine = await startGolden(lab, 'golden', 'ext4');
      const connected = (): Promise<true> =>
        eventually('the golden client is connected', () => lab.connected('golden'), {
          timeoutMs: 240_000,
          everyMs: 1000,
        });
      await connected();
      const first = lab.command('imgcapture', ['golden', '-t', 'sysclone', '-o', 'web1'], { timeoutMs: 400_000 });
      const growing = join(lab.dir, 'install/sysclone/images/.web1.capture');
      await eventually('half of it is here', async () => (await filesBelow(join(growing, 'usr'))) > 3000, {
        timeoutMs: 240_000,
        everyMs: 500,
      });
      await lab.pullPlug('golden');
      await lab.power('golden', machine);
      await connected();
      const { exit, stderr } = await first;
      expect(exit).toBe(1);
      expect(stderr).toContain('Can not get image web1 from golden.');
      expect((await lab.command('lsdef', ['-t', 'osimage', '-o', 'web1'])).exit).not.toBe(0);
      const had = await filesBelow(growing);
      expect(had).toBeGreaterThan(3000);
      await lab.runFor(400_000, 'imgcapture', 'golden', '-t', 'sysclone', '-o', 'web1');
      expect(await lab.run('lsdef', '-t', 'osimage', '-o', 'web1')).toContain('provmethod=sysclone');
    },
  );
});

async function filesBelow(folder: string): Promise<number> {
  const { stdout } = await run('find', [folder, '-type', 'f', '-printf', 'x'], {
    allowExit: 'any',
    keepBytes: 1 << 20,
  });
  return stdout.length;
}

/** One byte in the middle of the packed tree, as a bad disk would. */
async function alterLargestBlob(): Promise<void> {
  const { stdout } = await run('find', [lab.manager.home, '-path', '*/blobs/*', '-type', 'f', '-size', '+100M']);
  const [file = ''] = stdout.trim().split('\n');
  expect(await readdir(join(file, '..'))).not.toEqual([]);
  const handle = await open(file, 'r+');
  try {
    const at = Math.floor((await handle.stat()).size / 2);
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
  } finally {
    await handle.close();
  }
}
