// bound: 4200 s, with virtual machines
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { CloneLab, told } from '../lab/clone-lab.ts';
import { disksFor, goldenDisks, installMs, packGolden, startGolden } from '../lab/golden-disk.ts';
import { emptyDisk } from '../lab/disks.ts';
import { gib } from '../lab/golden-layouts.ts';

/* What goes wrong while machines are installed: BIOS and one ext4, the quickest to start. */

let lab: CloneLab;

beforeAll(async () => {
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

/** What the boot server's agent wrote down. */
async function agentLog(): Promise<string> {
  return readFile(join(lab.manager.home, 'agent', 'agent.log'), 'utf8');
}

const tooSmall =
  /needs a disk of at least [\d.]+ GiB; this machine has vda \(1 GiB\): too small; vdb \(4 GiB\): protected \(protectdisk\)\. Nothing was written/;

describe('an installation', () => {
  it('begins again after each power cut, says so, and is whole in the end', { timeout: 2 * installMs }, async () => {
    await lab.run('nodeset', 'cut', 'osimage=base');
    const disks = await disksFor(lab, 'cut', [4 * gib], 'virtio');
    // By the console where a step is short, by what the boot server tells where it is long.
    const points = [
      { console: /making ext4/ },
      { filled: /filling: [1-9]/ },
      { filled: /filling: [4-9]\d %/ },
      { console: /installing the boot loader/ },
      { console: /\] finishing/ },
    ];
    for (const [index, point] of points.entries()) {
      const { console, over } = await lab.power('cut', { firmware: 'bios', disks });
      const own = index === 0 ? '' : `try ${index + 1}: `;
      const isThere = (detail = ''): boolean => detail.startsWith(own) && (point.filled?.test(detail) ?? false);
      if (point.console) await console.waitFor(point.console, { timeoutMs: installMs, over });
      else
        await lab.until('cut', `is cut off at ${point.filled.source}`, (now) => isThere(now['boot.detail']), installMs);
      await lab.pullPlug('cut');
      // It was not installed, so it is not given its own disk.
      expect(await lab.attribute('cut', 'currstate')).not.toBe('boot');
    }
    const vm = await lab.power('cut', { firmware: 'bios', disks });
    await lab.until('cut', 'is tried again', (now) => (now['boot.detail'] ?? '').startsWith('try 6: '), installMs);
    await lab.booted('cut', installMs);
    expect(await told(vm)).toMatchObject({ name: 'cut', links: '2', acl: '1', failed: '' });
    expect(await lab.attribute('cut', 'currstate')).toBe('boot');
    const said = [
      ...(await agentLog()).matchAll(/installation of cut begins again: .* did not get beyond: ([^"\n]*)/g),
    ];
    const before = said.map(([, step]) => step ?? '');
    expect(before).toHaveLength(5);
    expect(before[1]).toContain('filling');
    expect(before[2]).toContain('filling');
    // The plug was pulled with the word on the console; the boot server may not have heard it.
    expect(before[4]).toMatch(/finishing|installing the boot loader/);
    await lab.pullPlug('cut');
  });

  it('goes on where it was after the network was away for a minute', { timeout: 2 * installMs }, async () => {
    await lab.run('nodeset', 'line', 'osimage=base');
    const vm = await lab.power('line', { firmware: 'bios', disks: await disksFor(lab, 'line', [4 * gib], 'virtio') });
    await lab.until('line', 'fills', (state) => /filling: [1-9]/.test(state['boot.detail'] ?? ''), installMs);
    await lab.link('line', 'down');
    await delay(60_000);
    await lab.link('line', 'up');
    await lab.booted('line', installMs);
    const text = await vm.console.text();
    const at = /the tree is cut off at (\d+) of \d+ bytes; asking again/.exec(text)?.[1];
    expect(Number(at)).toBeGreaterThan(1_000_000);
    // One installation, not two.
    expect(text.match(/^hostler: \[[\d.]+\] installing$/gm)).toHaveLength(1);
    expect(await told(vm)).toMatchObject({ name: 'line', links: '2', acl: '1', failed: '' });
    await lab.pullPlug('line');
  });

  it(
    'is refused before it writes, says why, and goes on when that was put right',
    { timeout: 2 * installMs },
    async () => {
      await lab.run('chdef', '-t', 'site', 'clustersite', 'protectdisk=KEEPME');
      await lab.run('nodeset', 'wrong', 'osimage=base');
      const refused = async (why: RegExp): Promise<void> => {
        const state = await lab.until(
          'wrong',
          `is refused: ${why.source}`,
          (one) => why.test(one['boot.error'] ?? ''),
          installMs,
        );
        expect(state['nodelist.status']).toBe('failed');
      };
      await lab.power('wrong', { firmware: 'bios', disks: [] });
      await refused(/this machine has no disk at all/);
      await lab.pullPlug('wrong');
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
      await refused(tooSmall);
      expect(await vm.console.text()).toContain('Nothing was written');
      expect([await checksum(small), await checksum(kept)]).toEqual(before);
      await lab.run('chdef', '-t', 'site', 'clustersite', 'protectdisk=');
      await lab.run('nodeset', 'wrong', 'osimage=base');
      await lab.until('wrong', 'goes on', (one) => /filling/.test(one['boot.detail'] ?? ''), installMs);
      expect((await lab.state('wrong'))['nodelist.status']).toBe('installing');
      await lab.pullPlug('wrong');
      expect(await checksum(small)).toBe(before[0]);
      expect(await checksum(kept)).not.toBe(before[1]);
    },
  );

  it('does not take an altered image', { timeout: 2 * installMs }, async () => {
    await lab.run('nodeset', 'altered', 'osimage=base');
    await alterLargestBlob();
    const vm = await lab.power('altered', {
      firmware: 'bios',
      disks: await disksFor(lab, 'altered', [4 * gib], 'virtio'),
    });
    const state = await lab.until('altered', 'is refused', (one) => one['nodelist.status'] === 'failed', installMs);
    expect(state['boot.error']).toContain('filling');
    expect(await vm.console.text()).not.toContain('installed; restarting from disk');
    expect(await lab.attribute('altered', 'currstate')).not.toBe('boot');
    await lab.pullPlug('altered');
  });
});

describe('a capture', () => {
  beforeAll(async () => {
    await goldenDisks('ext4');
  }, 1_500_000);

  it(
    'makes no image of a golden client that was switched off on the way, and goes on from there',
    { timeout: 3 * installMs },
    async () => {
      const machine = await startGolden(lab, 'golden', 'ext4');
      const connected = (): Promise<true> =>
        eventually('the golden client is connected', () => lab.connected('golden'), {
          timeoutMs: 400_000,
          everyMs: 1000,
        });
      await connected();
      const first = lab.command('imgcapture', ['golden', '-t', 'sysclone', '-o', 'web1'], { timeoutMs: 900_000 });
      const growing = join(lab.dir, 'install/sysclone/images/.web1.capture');
      await eventually('half of it is here', async () => (await filesBelow(join(growing, 'usr'))) > 2000, {
        timeoutMs: 400_000,
        everyMs: 500,
      });
      await lab.pullPlug('golden');
      await lab.power('golden', machine);
      await connected();
      const { exit, stderr } = await first;
      expect(exit).toBe(1);
      expect(stderr).toContain('Can not get image web1 from golden.');
      expect((await lab.command('lsdef', ['-t', 'osimage', '-o', 'web1'])).exit).not.toBe(0);
      await expect(stat(join(lab.dir, 'install/sysclone/images/web1'))).rejects.toThrow();
      expect(await filesBelow(growing)).toBeGreaterThan(2000);
      await lab.runFor(600_000, 'imgcapture', 'golden', '-t', 'sysclone', '-o', 'web1');
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

/** One bit in the middle of the packed tree, as a bad disk would. */
async function alterLargestBlob(): Promise<void> {
  const { stdout } = await run('find', [lab.manager.home, '-path', '*/blobs/*', '-type', 'f', '-printf', '%s %p\n']);
  const files = stdout
    .trim()
    .split('\n')
    .map((line): [number, string] => [Number.parseInt(line, 10), line.slice(line.indexOf(' ') + 1)]);
  const [bytes, file] = files.sort(([a], [b]) => b - a)[0] ?? [0, ''];
  expect(bytes).toBeGreaterThan(50_000_000);
  const handle = await open(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, Math.floor(bytes / 2));
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, Math.floor(bytes / 2));
  } finally {
    await handle.close();
  }
}
