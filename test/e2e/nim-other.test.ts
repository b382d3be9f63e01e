// bound: 300 s
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nimSite, type NimSite } from '../nim/support/site.ts';

/*
 * The same driver before a master that answers otherwise (test/nim/other/nim.sh): what is true of the first stand-in by
 * chance must not be what the driver lives by. Its programs lie in two folders of the PATH, in front of the first's.
 */

let dir: string;
let site: NimSite;
let pathBefore: string;

beforeEach(async () => {
  site = await nimSite({
    site: { clustersite: { 'site.master': '10.0.0.1', 'site.domain': 'cluster.test', 'site.nameservers': '10.0.0.1' } },
    network: {
      net1: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.255.0', 'networks.gateway': '10.0.0.254' },
    },
    node: Object.fromEntries(
      [1, 2, 3].map((n) => [
        `node0${String(n)}`,
        {
          'nodelist.groups': 'aix,all',
          'hosts.ip': `10.0.0.1${String(n)}`,
          'mac.mac': `00:11:22:33:44:0${String(n)}`,
        },
      ]),
    ),
  });
  dir = mkdtempSync(join(tmpdir(), 'hostler-other-nim-'));
  pathBefore = process.env['PATH'] ?? '';
  for (const [folder, programs] of [
    ['sbin', ['lsnim']],
    ['opt', ['nim', 'nim_master_setup']],
  ] as const) {
    mkdirSync(join(dir, folder));
    for (const program of programs) {
      const file = join(dir, folder, program);
      copyFileSync(resolve(import.meta.dirname, '../nim/other/nim.sh'), file);
      chmodSync(file, 0o755);
    }
  }
  // None of the first stand-in's programs is found any more.
  const others = pathBefore.split(':').filter((folder) => folder !== site.standIn.bin);
  process.env['PATH'] = [join(dir, 'sbin'), join(dir, 'opt'), ...others].join(':');
});
afterEach(() => {
  process.env['PATH'] = pathBefore;
  site.close();
  rmSync(dir, { recursive: true, force: true });
});

const calls = (): string[] => readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n');

async function works(line: string): Promise<string> {
  const answer = await site.hostler(line);
  expect(`${line}: ${answer.err}${String(answer.exit)}`).toBe(`${line}: 0`);
  return answer.out;
}

test('a stateless image, its nodes, and away again', async () => {
  const out = await works(`mknimimage -r -t diskless -s ${site.media} img`);
  expect(out).toContain('Configuring NIM.');
  expect(out).toContain('\tshared_root=img_shared_root\n\tspot=img\n');
  await works(`mknimimage -f -r -t diskless -s ${site.media} img`);
  expect(calls().filter((line) => /define -t spot|nim_master_setup/.test(line))).toHaveLength(2);
  await works('mkdsklsnode -i img aix');
  expect(await works('xcat2nim -l node01')).toMatch(/Cstate +=.*diskless or dataless boot is enabled/);
  expect(existsSync(`${site.base}/spot/img/usr/lpp/bos/inst_root/opt/xcat/xcataixpost`)).toBe(true);
  const kept = await works('rmnimimage img');
  expect(kept).toContain("The resource named 'img' is currently allocated.");
  await works('rmdsklsnode aix');
  expect(await works('rmnimimage img')).toContain("Removed the xCAT osimage definition 'img'.");
  expect(await works('hostler nim show'.slice('hostler '.length))).not.toMatch(/^img /m);
});

test('an installation: twice, with and without force; a failure is told with its cause', async () => {
  await works(`mknimimage -s ${site.media} img`);
  await works('nimnodeset -i img node01');
  const refused = await site.hostler('nimnodeset -i img node01,node02');
  expect(refused.err).toContain('node01 is not ready: "BOS installation has been enabled"');
  await works('nimnodeset -f -i img aix');
  await works('xcat2nim -t group -o aix');
  expect(readFileSync(join(dir, 'db/aix'), 'utf8').match(/add_member=/g)).toHaveLength(3);
  writeFileSync(join(dir, 'db/node02'), `${readFileSync(join(dir, 'db/node02'), 'utf8')}junk without a sign\n`);
  const odd = await site.hostler('nimnodecust -s img_lpp_source node02');
  expect(odd.err).toContain('cannot cust');
  expect(
    calls()
      .filter((line) => / -F /.test(line))
      .every((line) => /reset|deallocate/.test(line)),
  ).toBe(true);
});
