// bound: 600 s
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { scenarios } from '../nim/support/scenario.ts';
import type { NimSite } from '../nim/support/site.ts';

// Updates and copies of AIX images, dataless machines, NFSv4, nimsh over SSL: their good days and their bad ones.

const scenario = scenarios();
const { fails, works, prepared } = scenario;
let site: NimSite;
beforeEach(() => {
  site = scenario.site();
});

const changing = (): string[] => site.commands().filter((line) => /^nim |^nim_master_setup|^cpcosi/.test(line));
const object = async (name: string): Promise<string> => (await site.hostler(`nim show -l ${name}`)).out;

async function bundle(name: string): Promise<void> {
  const file = `${site.dir}/${name}`;
  writeFileSync(file, 'I:bos.net\n');
  const pairs = [
    ['server', 'master'],
    ['location', file],
  ] as const;
  await site.master.nim('define', name, pairs, { type: 'installp_bundle' });
}

describe('updating the SPOT of an image', () => {
  beforeEach(async () => {
    await prepared('stateless', () => works(`mknimimage -r -t diskless -s ${site.media} img`));
  });

  test('bundles and packages of the command line, then the shared root', async () => {
    await bundle('extra');
    const out = await works('mknimimage -u img installp_bundle=extra otherpkgs=bos.x,y.rpm,E:z.epkg.Z');
    expect(out).toContain("Updated the SPOT named 'img'.");
    expect(out).toContain("Refreshed the shared root named 'img_shared_root'.");
    expect(changing().slice(-2)).toEqual([
      'nim -o cust -a lpp_source=img_lpp_source -a installp_flags=agQXY -a filesets=bos.x R:y.rpm E:z.epkg.Z -a installp_bundle=extra img',
      'nim -o sync_roots img',
    ]);
    expect(await works('lsdef -t osimage -l img')).not.toContain('otherpkgs');
  });

  test('what the image itself names, files of its synclists too', async () => {
    writeFileSync(`${site.dir}/motd`, 'be kind');
    writeFileSync(`${site.dir}/list`, `${site.dir}/motd -> /etc/motd\n${site.dir}/motd -> /usr/local/motd\n`);
    await works(`chdef -t osimage -o img otherpkgs=I:bos.x synclists=${site.dir}/list`);
    const out = await works('mknimimage -u img');
    expect(out).toMatch(/^Updating the NIM spot resource named 'img'\. This could take a while\.\n/);
    expect(out).toContain('Updated synclists files.');
    expect(changing().some((line) => line.includes('filesets=I:bos.x img'))).toBe(true);
    const usr = `${site.base}/spot/img/usr`;
    expect(readFileSync(`${usr}/local/motd`, 'utf8')).toBe('be kind');
    expect(readFileSync(`${usr}/lpp/bos/inst_root/etc/motd`, 'utf8')).toBe('be kind');
    // The roots that are there already get it from sync_roots.
    expect(readFileSync(`${site.base}/shared_root/img_shared_root/etc/motd`, 'utf8')).toBe('be kind');
  });

  test('synclists alone install nothing; one that is not there changes nothing', async () => {
    writeFileSync(`${site.dir}/list`, `${site.dir}/gone -> /etc/gone\n`);
    const before = changing().length;
    await fails(`mknimimage -u img synclists=${site.dir}/list`, /gone is not there/);
    await fails('mknimimage -u img synclists=/nonexistent', /The synclist \/nonexistent cannot be read/);
    expect(changing()).toHaveLength(before);
  });

  test('refused while a node uses it', async () => {
    await works('mkdsklsnode -i img node01');
    const before = changing().length;
    await fails('mknimimage -u img otherpkgs=bos.x', /currently allocated .*rmdsklsnode/);
    expect(changing()).toHaveLength(before);
  });

  test.each([
    ['nothing to install', 'mknimimage -u img', /nothing to update/],
    ['an image that is none', 'mknimimage -u nosuch otherpkgs=x', /'nosuch' is not defined/],
    ['a synclist by half a path', 'mknimimage -u img synclists=x/y', /'x\/y' is not an absolute path/],
    ['an attribute that has no place here', 'mknimimage -u img spot=other', /not valid with '-u'/],
    ['a name that is none', 'mknimimage -u img otherpkgs=a;reboot', /not the name of a bundle or package/],
    ['a bundle that is not there', 'mknimimage -u img installp_bundle=gone', /no installp_bundle resource named gone/],
  ])('%s: nothing is changed', async (_what, line, text) => {
    const before = changing().length;
    await fails(line, text);
    expect(changing()).toHaveLength(before);
  });

  test('a SPOT that was made from a mksysb takes nothing', async () => {
    await works('xcat2nim -t node node01');
    await works('mknimimage -m mksysb -n node01 clone');
    await works('chdef -t osimage -o clone lpp_source=img_lpp_source');
    await fails('mknimimage -u clone otherpkgs=bos.x', /made from the mksysb clone_mksysb/);
  });

  test('nfs_vers changes every resource of the image', async () => {
    await works('mknimimage -u img nfs_vers=4');
    expect(changing().slice(-4)).toEqual([
      'nim -o change -a nfs_vers=4 img_lpp_source',
      'nim -o change -a nfs_vers=4 img_paging',
      'nim -o change -a nfs_vers=4 img_shared_root',
      'nim -o change -a nfs_vers=4 img',
    ]);
  });
});

describe('copies of images', () => {
  beforeEach(async () => {
    await prepared('stateful', () => works(`mknimimage -t diskless -D -s ${site.media} img`));
  });

  test('-i copies the SPOT, makes a root, and shares the rest', async () => {
    const out = await works('mknimimage -t diskless -i img copy');
    expect(out).toContain("Copied the spot resource named 'img' to 'copy'.");
    for (const line of [
      'dump=img_dump',
      'lpp_source=img_lpp_source',
      'paging=img_paging',
      'root=copy_root',
      'spot=copy',
    ])
      expect(out).toContain(`\t${line}\n`);
    expect(changing().filter((line) => line.startsWith('cpcosi'))).toEqual([`cpcosi -c img -l ${site.base}/spot copy`]);
    // The shared ones stay as long as the other image names them.
    await fails('rmnimimage copy', /img/);
  });

  test('-p copies the lpp_source too', async () => {
    const out = await works('mknimimage -t diskless -p -i img copy');
    expect(out).toContain('\tlpp_source=copy_lpp_source\n');
    expect(changing().some((line) => line.includes('-a source=img_lpp_source copy_lpp_source'))).toBe(true);
    expect(existsSync(`${site.base}/lpp_source/copy_lpp_source/installp/ppc/bos`)).toBe(true);
  });

  test('the copying fails: nothing is defined, and a rerun goes on', async () => {
    site.standIn.set({ failOnce: ['cpcosi'] });
    await fails('mknimimage -t diskless -i img copy', /SPOT img could not be copied/);
    expect((await works('lsdef -t osimage')).includes('copy')).toBe(false);
    await works('mknimimage -t diskless -i img copy');
  });
});

test('chkosimage looks for the software that an image names, and -c clears what is there twice', async () => {
  await prepared('stateless', () => works(`mknimimage -r -t diskless -s ${site.media} img`));
  const lpp = `${site.base}/lpp_source/img_lpp_source`;
  mkdirSync(`${lpp}/RPMS/ppc`, { recursive: true });
  for (const file of ['expect-5.1-1.aix.rpm', 'expect-5.4-1.aix.rpm']) writeFileSync(`${lpp}/RPMS/ppc/${file}`, file);
  utimesSync(`${lpp}/RPMS/ppc/expect-5.1-1.aix.rpm`, 1, 1);
  await bundle('extra');
  await works('chdef -t osimage -o img otherpkgs=R:expect-5*,bos.rte,gone.x installp_bundle=extra');
  const answer = await site.hostler('chkosimage img');
  expect(answer.exit).toBe(1);
  expect(answer.out).toMatch(/several files for R:expect-5\*.*removes all but expect-5\.4/);
  expect(answer.out).toContain("Could not find gone.x in the lpp_source named 'img_lpp_source'.");
  expect(answer.out).toContain('Could not find I:bos.net');
  expect(answer.out).not.toContain('find bos.rte');
  expect((await site.hostler('chkosimage -c img')).out).toContain(
    "Removed from 'img_lpp_source': expect-5.1-1.aix.rpm.",
  );
  expect(readdirSync(`${lpp}/RPMS/ppc`)).toEqual(['expect-5.4-1.aix.rpm']);
});

test('dataless machines: a root and no paging, dtls_init, and away again', async () => {
  const out = await works(`mknimimage -t dataless -s ${site.media} img`);
  expect(out).toContain('\troot=img_root\n');
  expect(out).not.toContain('paging');
  await works('mkdsklsnode -i img node01,node02');
  expect(changing().filter((line) => line.includes('dtls_init'))).toHaveLength(2);
  expect(await object('node01')).toMatch(/type +=.*dataless/);
  expect(await object('node01')).toMatch(/Cstate +=.*diskless or dataless boot is enabled/);
  await works('rmdsklsnode -r node01,node02');
  await works('rmnimimage -d img');
});

describe('NFSv4', () => {
  test('domain and version are told with every definition', async () => {
    await works('chdef -t site useNFSv4onAIX=yes');
    await works(`mknimimage -s ${site.media} img`);
    await works('nimnodeset -i img node01');
    expect(site.commands()).toContain('chnfsdom cluster.test');
    expect(site.commands()).toContain('nim -o change -a nfs_domain=cluster.test master');
    const resources = changing().filter((line) => /-o define -t (?!standalone)/.test(line));
    expect(resources.length).toBeGreaterThan(3);
    expect(resources.filter((line) => !line.includes('-a nfs_vers=4'))).toEqual([]);
    // The domain is set once.
    await works(`mknimimage -f -s ${site.media} img`);
    expect(site.commands().filter((line) => line.startsWith('chnfsdom'))).toHaveLength(1);
  });

  test('without a domain it is refused', async () => {
    await works('chdef -t site useNFSv4onAIX=yes domain=');
    await fails(`mknimimage -s ${site.media} img`, /needs a domain/);
    expect(site.commands()).toEqual([]);
  });
});

describe('nimsh over SSL', () => {
  beforeEach(async () => {
    await prepared('machine', async () => {
      await works(`mknimimage -s ${site.media} img`);
      await works('xcat2nim -t node node01');
    });
  });

  test('not yet, then the master is prepared, then it is', async () => {
    const before = await site.hostler('nim check --ssl node01');
    expect(before.exit).toBe(1);
    expect(before.out).toMatch(/node01: nimsh answers, but without SSL\. Run "nimconfig -c"/);
    const after = await site.hostler('nim check --ssl --recover node01');
    expect(after).toMatchObject({ exit: 0, err: '' });
    expect(after.out).toContain('node01: nimsh answers, with SSL.');
    expect(site.commands().slice(-4)).toEqual([
      'nimconfig -c',
      'lsnim -l node01',
      'nim -o lslpp node01',
      'nimquery -a host=node01',
    ]);
  });

  test('out of reach, or no machine of NIM: each says why, and the others are looked at', async () => {
    site.standIn.set({ unreachable: ['node01'] });
    const answer = await site.hostler('nim check --ssl node01,node02');
    expect(answer.exit).toBe(1);
    expect(answer.out).toMatch(/node01: .*connect Error 79/);
    expect(answer.out).toContain('node02: it is no NIM machine');
    await fails('nim check --ssl', /nim check --ssl NODE/);
    await fails('nim check --ssl nosuch', /nosuch/);
  });
});

test('a golden node without ssh and ssl: the mksysb is made, and what is missing is said', async () => {
  await works(`mknimimage -s ${site.media} img`);
  await works('xcat2nim -t node node01');
  site.standIn.set({ filesets: ['bos.rte', 'openssl.base'] });
  const out = await works('mknimimage -m mksysb -n node01 clone');
  expect(out).toContain('Warning: openssh.base is not installed on node01');
  expect(out).not.toContain('openssl.base is not installed');
});
