import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collectFacts } from '../../../../agent/facts/facts.ts';
import { bootRecord } from '../../../../agent/facts/image.ts';
import { parseOsRelease, sameBoot } from '../../../../agent/facts/system.ts';
import { toolsFound } from '../../../../agent/facts/tools.ts';
import { readIncarnation } from '../../../../agent/spool/incarnation.ts';

let root: string;
const put = (path: string, text: string, mode = 0o644): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode });
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hostler-facts-'));
});
afterEach(() => {
  delete process.env['HOSTLER_TEST_PATH'];
  rmSync(root, { recursive: true, force: true });
});

test('a Linux machine, as its files tell', async () => {
  put('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n');
  put('proc/sys/kernel/random/boot_id', '0d9a3a2e-8c0e-4a53-9b43-0a9e3b5b6c11\n');
  put('sys/class/dmi/id/product_serial', 'To be filled by O.E.M.\n');
  put('sys/class/dmi/id/product_name', 'ProLiant  DL360\n');
  put('sys/block/sda/size', '2048\n');
  put('sys/block/sda/device/model', 'FAST   DISK 1   \n');
  put('sys/block/vda/size', '8\n');
  put('sys/block/vda/serial', 'v-1\n');
  put('sys/block/loop0/size', '8\n');
  put('sys/class/net/eth9/address', '52:54:00:aa:bb:01\n');
  put('sys/class/net/eth9/mtu', '9000\n');
  put('sys/class/net/eth8/address', '52:54:00:aa:bb:02\n');
  put('sys/class/net/lo/address', '00:00:00:00:00:00\n');
  put('sys/class/net/ib0/address', '80:00:00:02:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c\n');
  put('proc/sys/fs/binfmt_misc/qemu-aarch64', 'enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: PF\n');
  put('proc/sys/fs/binfmt_misc/qemu-s390x', 'enabled\nflags: P\n');
  put(
    'run/hostler/boot.json',
    JSON.stringify({ digest: 'd'.repeat(64), server: 'http://10.0.0.1', stages: { initrd: 3.5, image: 'x' } }),
  );
  put('opt/hostler/report.d/nonce', 'abc\x1b[31m\nsecond line\n');
  put('opt/hostler/report.d/.hidden', 'no\n');
  const facts = await collectFacts({ home: join(root, 'home'), root, tools: false, store: ['https://10.0.0.1:8443'] });
  expect(facts).toMatchObject({
    os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
    bootId: '0d9a3a2e-8c0e-4a53-9b43-0a9e3b5b6c11',
    serial: '',
    disks: [
      { name: 'sda', bytes: 1_048_576, model: 'FAST DISK 1', serial: '' },
      { name: 'vda', bytes: 4096, model: '', serial: 'v-1' },
    ],
    emulates: ['aarch64'],
    imageDigest: 'd'.repeat(64),
    store: ['https://10.0.0.1:8443'],
    notes: { nonce: 'abc\\x1b[31m' },
    tools: {},
  });
  expect(facts.nics).toContainEqual({ name: 'eth9', mac: '52:54:00:aa:bb:01', addresses: [], mtu: 9000 });
  expect(facts.nics).toContainEqual({ name: 'eth8', mac: '52:54:00:aa:bb:02', addresses: [] });
  expect(facts.nics.map((nic) => nic.name)).not.toContain('ib0');
  expect(bootRecord(root)?.stages).toEqual({ initrd: 3.5 });
});

test('a machine that has none of these files still has facts', async () => {
  const facts = await collectFacts({ home: join(root, 'home'), root: join(root, 'nothing'), tools: false });
  expect(facts.cores).toBeGreaterThan(0);
  expect(facts.bootId).toMatch(/^booted:\d+$/);
  expect(facts).toMatchObject({ disks: [], emulates: [] });
  expect(facts.imageDigest).toBeUndefined();
  expect(facts.notes).toBeUndefined();
});

test('a boot record that is not one is none', () => {
  for (const text of ['', '{', '[]', '{"digest":"../../etc"}', '{"digest":5}', 'null']) {
    put('run/hostler/boot.json', text);
    expect(bootRecord(root)).toBeUndefined();
  }
});

test('os-release with quotes, comments and nonsense', () => {
  const fields = parseOsRelease('# c\nA=\'x y\'\nB="q\\"\\$"\nbad=1\nC=\n=\nD=plain\r\n');
  expect(Object.fromEntries(fields)).toEqual({ A: 'x y', B: 'q"$', C: '', D: 'plain' });
});

test('tools are asked for their version once, and again when they change', async () => {
  const cache = join(root, 'tools.json');
  const before = process.env['PATH'];
  process.env['PATH'] = join(root, 'bin');
  try {
    put('bin/nim', '#!/bin/sh\nexit 1\n', 0o755);
    put('bin/kexec', `#!/bin/sh\necho x >> ${root}/asked\necho kexec-tools 2.0.25\n`, 0o755);
    put('bin/dnf', '#!/bin/sh\nexit 3\n', 0o755);
    const names = ['kexec', 'nim', 'dnf', 'lsnim'];
    expect(await toolsFound(cache, names)).toEqual({ dnf: '', kexec: 'kexec-tools 2.0.25', nim: '' });
    put('bin/kexec', '#!/bin/sh\necho kexec-tools 3\n', 0o755);
    utimesSync(join(root, 'bin/kexec'), 1, 1);
    expect((await toolsFound(cache, names))['kexec']).toBe('kexec-tools 3');
    writeFileSync(join(root, 'bin/kexec'), 'exec format error');
    utimesSync(join(root, 'bin/kexec'), 1, 1);
    expect((await toolsFound(cache, names))['kexec']).toBe('kexec-tools 3');
    writeFileSync(cache, '[["kexec",{"file":1}],3,"x"]');
    expect(Object.keys(await toolsFound(cache, names))).toContain('kexec');
  } finally {
    process.env['PATH'] = before;
  }
});

test('an incarnation lasts for one boot in one home', async () => {
  const first = await readIncarnation(root, 'boot-1');
  expect(first.id).toMatch(/^[0-9a-f]{32}$/);
  expect(await readIncarnation(root, 'boot-1')).toEqual(first);
  const second = await readIncarnation(root, 'boot-2');
  expect(second.id).not.toBe(first.id);
  put('incarnation.json', '{"bootId":"boot-2","id":"../x"}');
  expect((await readIncarnation(root, 'boot-2')).id).not.toBe(second.id);
  expect(sameBoot('booted:1000', 'booted:1200')).toBe(true);
  expect(sameBoot('booted:1000', 'booted:2000')).toBe(false);
});
