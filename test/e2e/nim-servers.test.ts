// bound: 600 s
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMaster, type NimMaster as StandIn } from '../nim/master.ts';
import { scenarios } from '../nim/support/scenario.ts';
import type { NimSite } from '../nim/support/site.ts';

// Several NIM masters: a prime, and service nodes that are masters of their own and are given what they lack.

const scenario = scenarios();
const { fails, works, prepared } = scenario;
let site: NimSite;
const others = new Map<string, StandIn>();

/*
 * All of them live on this machine and have the same paths. While a service node works, the prime's /install lies
 * elsewhere; the program `ssh` there looks for it where it is.
 */
beforeEach(async () => {
  site = scenario.site();
  const primes = join(site.dir, 'install');
  for (const name of ['sn1', 'sn2']) {
    const standIn = await createMaster(join(site.dir, name));
    const own = join(site.dir, `install.${name}`);
    mkdirSync(own);
    writeFileSync(
      join(standIn.bin, 'ssh'),
      `#!/bin/sh
[ -e ${site.dir}/unplugged ] && { echo 'ssh: connect to host mn port 22: No route to host' >&2; exit 255; }
while [ "$1" != mn ]; do shift; done
shift
line=$(printf '%s\\n' "$*" | sed 's#${primes}/#${primes}.prime/#g')
exec sh -c "$line"
`,
    );
    chmodSync(join(standIn.bin, 'ssh'), 0o755);
    site.server(name, standIn.bin, (when) => {
      if (when === 'before') {
        renameSync(primes, `${primes}.prime`);
        renameSync(own, primes);
      } else {
        renameSync(primes, own);
        renameSync(`${primes}.prime`, primes);
      }
    });
    others.set(name, standIn);
  }
  await works('chdef -t site nimprime=mn');
  await works('chdef node01,node02 servicenode=sn1');
  await works('chdef node03 servicenode=sn1,sn2');
});

const calls = (name: string): string[] =>
  (others.get(name)?.calls() ?? []).map(({ program, argv }) => [program, ...argv].join(' '));
const changes = (name: string): string[] => calls(name).filter((line) => line.startsWith('nim '));

/** The service node is a master already; else nothing can be defined there. */
async function configured(name: string): Promise<void> {
  const bin = others.get(name)?.bin ?? '';
  await site.master.tool(join(bin, 'nimconfig'), ['-a', 'pif_name=en0', '-a', 'netname=lan']);
}

describe('a diskless image on a service node', () => {
  beforeEach(async () => {
    await prepared('stateless', async () => {
      await works(`mknimimage -r -t diskless -s ${site.media} img`);
      await configured('sn1');
    });
  });

  test('the SPOT is copied, adopted and checked, places are made empty; then its nodes, each once', async () => {
    const out = await works('mkdsklsnode -i img node01');
    expect(out).toContain('AIX/NIM diskless nodes were initialized.');
    expect(changes('sn1').map((line) => line.replaceAll(site.dir, ''))).toEqual([
      'nim -o define -t spot -a server=master -a location=/install/nim/spot img',
      'nim -o check img',
      'nim -o define -t shared_root -a server=master -a location=/install/nim/shared_root/img_shared_root -a spot=img img_shared_root',
      'nim -o define -t paging -a server=master -a location=/install/nim/paging/img_paging img_paging',
      expect.stringContaining('-t resolv_conf') as string,
      'nim -o sync_roots img',
      expect.stringMatching(/-o define -t diskless .* node01$/) as string,
      expect.stringMatching(/-o dkls_init .* node01$/) as string,
    ]);
    expect(existsSync(`${site.dir}/install.sn1/nim/spot/img/usr/lpp/bos/inst_root/opt/xcat/xcataixpost`)).toBe(true);
    const before = changes('sn1').length;
    await works('mkdsklsnode -i img node02');
    expect(changes('sn1').slice(before)).toHaveLength(2);
    // Nobody asked the prime for more than what it has.
    expect(site.commands().filter((line) => line.endsWith(' node01'))).toEqual([]);
  });

  test('the prime cannot be reached: said; nothing is defined; later it goes on', async () => {
    writeFileSync(`${site.dir}/unplugged`, '');
    await fails('mkdsklsnode -i img node01', /files of img could not be copied from mn .*No route to host/);
    expect(changes('sn1')).toEqual([]);
    expect(await works('lsdef node01 -i provmethod')).toContain('provmethod=\n');
    renameSync(`${site.dir}/unplugged`, `${site.dir}/plugged`);
    await works('mkdsklsnode -i img node01');
  });

  test('a SPOT that is half-built on the prime is copied nowhere', async () => {
    const file = `${site.standIn.dir}/state/db.json`;
    const db = JSON.parse(readFileSync(file, 'utf8')) as { objects: Record<string, { attrs: Record<string, string> }> };
    (db.objects['img']?.attrs ?? {})['Rstate'] = 'unavailable for use';
    writeFileSync(file, JSON.stringify(db));
    await fails('mkdsklsnode -i img node01', /img on mn: not ready for use, and copied nowhere/);
    expect(changes('sn1')).toEqual([]);
  });

  test('one file system for all, and -d: nothing is copied; what is not there is refused', async () => {
    await works('chdef -t site sharedinstall=all');
    writeFileSync(`${site.dir}/unplugged`, '');
    for (const line of ['mkdsklsnode -i img node01', 'mkdsklsnode -d -i img node01']) {
      await fails(line, /spot\/img\/usr" does not exist/);
      await works('chdef -t site sharedinstall=');
    }
  });

  test('-u brings the resources and touches no node', async () => {
    await works('mkdsklsnode -u -i img node01,node02');
    expect(changes('sn1').some((line) => line.includes('-t spot'))).toBe(true);
    expect(changes('sn1').some((line) => /diskless|dkls_init/.test(line))).toBe(false);
  });

  test('an update: refused while a node of a service node uses the SPOT; else its copy goes, and comes anew', async () => {
    await works('mkdsklsnode -i img node01');
    await fails('mknimimage -u img otherpkgs=bos.x', /sn1: The resource named 'img' is currently allocated/);
    expect(site.commands().some((line) => line.includes('-o cust'))).toBe(false);
    await works('rmdsklsnode -r node01');
    const out = await works('mknimimage -u img otherpkgs=bos.x');
    expect(out).toContain("sn1: Removed the NIM resource named 'img'.");
    expect(changes('sn1').slice(-2)).toEqual(['nim -o remove img_shared_root', 'nim -o remove img']);
    await works('mkdsklsnode -i img node01');
    expect(changes('sn1').filter((line) => line.includes('-t spot'))).toHaveLength(2);
  });

  test('removing the image: from service nodes first; what one of them uses stays everywhere', async () => {
    await works('mkdsklsnode -i img node01');
    const kept = await works('rmnimimage img');
    expect(kept).toContain("sn1: The resource named 'img' is currently allocated. It will not be removed.");
    expect(kept).toContain("The osimage definition 'img' is kept");
    expect(site.commands()).not.toContain('nim -o remove img');
    await works('rmdsklsnode -r node01');
    expect(await works('rmnimimage -s sn1 -d img')).toContain('only these servers were asked');
    expect(await works('rmnimimage -d -x img')).toContain("Removed the xCAT osimage definition 'img'.");
    expect(site.commands()).toContain('nim -o remove img');
  });

  test('-M leaves the service nodes alone; one that does not answer keeps the rest from being removed', async () => {
    await fails('rmnimimage -M -s sn1 img', /cannot be used together/);
    const before = changes('sn1').length;
    await works('rmnimimage -M -d img');
    expect(changes('sn1')).toHaveLength(before);
  });

  test('both service nodes, or one of them', async () => {
    await configured('sn2');
    await works('mkdsklsnode -b -i img node03');
    expect(changes('sn1')).toEqual([]);
    expect(changes('sn2').at(-1)).toMatch(/dkls_init .* node03$/);
    await works('mkdsklsnode -p -i img node03');
    expect(changes('sn1').at(-1)).toMatch(/dkls_init .* node03$/);
    await works('rmdsklsnode node03');
    for (const name of ['sn1', 'sn2']) expect(changes(name).at(-1)).toBe('nim -o remove node03');
  });

  test('one server fails: its nodes are named, the others are done, and the exit code tells', async () => {
    await works('chdef node02 servicenode=');
    writeFileSync(`${site.dir}/unplugged`, '');
    await fails('mkdsklsnode -i img node01,node02', /could not be copied/);
    expect(await works('lsdef node02 -i provmethod')).toContain('provmethod=img');
  });
});

test('an installation by a service node: lpp_source and all files of the image', async () => {
  await works(`mknimimage -s ${site.media} img`);
  await configured('sn1');
  await works('nimnodeset -i img node01');
  expect(changes('sn1').map((line) => /-t (\S+)|-o (bos_inst|check)/.exec(line)?.slice(1).join(''))).toEqual([
    'lpp_source',
    'spot',
    'check',
    'bosinst_data',
    'resolv_conf',
    'script',
    'standalone',
    'bos_inst',
  ]);
  expect(existsSync(`${site.dir}/install.sn1/nim/bosinst_data/img_bosinst_data`)).toBe(true);
});
