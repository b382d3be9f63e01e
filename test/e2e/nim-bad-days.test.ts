// bound: 600 s
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { setManyUp } from '../nim/support/many.ts';
import { scenarios } from '../nim/support/scenario.ts';
import type { NimSite } from '../nim/support/site.ts';

// What goes wrong between Hostler and a NIM master, each against the stand-in. After every one the recorded calls are
// looked through for what must never be there (see scenario.ts).

const scenario = scenarios();
const { fails, works, prepared } = scenario;
let site: NimSite;
beforeEach(() => {
  site = scenario.site();
});

const changing = (): string[] => site.commands().filter((line) => /^nim |^nim_master_setup|^cpcosi/.test(line));
const stateless = (): Promise<void> =>
  prepared('stateless', () => works(`mknimimage -r -t diskless -s ${site.media} img`));
const standalone = (): Promise<void> => prepared('standalone', () => works(`mknimimage -s ${site.media} img`));
/** As it is done the first time, with everything that belongs to it. */
const afresh = (): Promise<string> => works(`mknimimage -s ${site.media} img`);
const objects = async (): Promise<string[]> => (await site.master.showAll()).map(({ name }) => name);

describe('names are refused before anything is done', () => {
  test.each([
    ['a dot', 'img7.1', /no dot/],
    ['40 characters', 'i'.repeat(40), /NIM allows 39/],
    ['a suffix that overflows', 'i'.repeat(30), /NIM allows 39/],
    ['a shell metacharacter', 'img;reboot', /not valid for NIM/],
    ['a path', '../../etc', /not valid for NIM/],
  ])('%s', async (_what, name, text) => {
    await fails(`mknimimage -r -t diskless -s ${site.media} ${name}`, text);
    expect(site.commands()).toEqual([]);
  });

  test('the name of a node with its image', async () => {
    await stateless();
    await works(`mkdef -t node -o ${'n'.repeat(38)} groups=all ip=10.0.0.50 mac=00:11:22:33:44:50`);
    const before = changing().length;
    await fails(`mkdsklsnode -n -i img ${'n'.repeat(38)}`, /NIM allows 39/);
    expect(changing()).toHaveLength(before);
  });
});

describe('command lines that cannot be', () => {
  test.each([
    ['-r for a standalone image', 'mknimimage -r -s /media img', /'-r' option is only valid for diskless/],
    ['-p without -i', 'mknimimage -p -t diskless -s /media img', /'-p' option is only valid with/],
    ['no source', 'mknimimage -t diskless img', /either the -s or -i option are required/],
    ['no source for rte', 'mknimimage img', /image name and -s option are required/],
    ['a type that is none', 'mknimimage -t fat -s /media img', /not a valid NIM type/],
    ['a method that is none', 'mknimimage -m cd -s /media img', /not a valid NIM install method/],
    ['-n and -b together', 'mknimimage -m mksysb -n node01 -b /f img', /cannot be used together/],
    ['a relative backup file', 'mknimimage -m mksysb -b file img', /not an absolute path/],
    ['an attribute nobody knows', 'mknimimage -s /media img colour=red', /attribute 'colour' is not valid/],
    ['a base folder with ..', 'mknimimage -s /media -l /a/../etc img', /not an absolute path/],
    ['an image to copy that is none', 'mknimimage -t diskless -i nosuch img', /not a valid xCAT image name/],
    ['completing what is not there', 'mknimimage -c -s /media img', /is not defined/],
    ['an image that is none', 'rmnimimage nosuch', /'nosuch' is not a valid xCAT image name/],
    ['a node that is none', 'nimnodeset -i img nosuch', /Invalid nodes and\/or groups in noderange: nosuch/],
    ['removing networks', 'xcat2nim -t network -r net1', /not valid for networks/],
    ['a node without an image', 'nimnodeset node01', /Could not determine the osimage/],
    ['-f and -r together', 'rmdsklsnode -f -r node01', /cannot be used together/],
    ['customizing without a source', 'nimnodecust node01', /-s option .* is required/],
  ])('%s', async (_what, line, text) => {
    await fails(line, text);
    expect(site.commands()).toEqual([]);
  });
});

describe('making an image', () => {
  test('the source is missing', async () => {
    await fails('mknimimage -s /nonexistent/media img', /does not exist/);
    expect((await works('lsdef -t osimage')).trim()).toBe('Could not find any object definitions to display.');
  });

  test.each([
    ['a named resource', 'script=a,b', /There is no script resource named a/],
    ['the backup', '-m mksysb -b /nonexistent/backup', /\/nonexistent\/backup does not exist/],
    ['the golden node', '-m mksysb -n node03', /node03 is not a NIM client/],
  ])('%s is not there: seen before anything is made', async (_what, words, text) => {
    await standalone();
    const before = changing().length;
    const source = words.startsWith('-m') ? '' : ` -s ${site.media}`;
    const [options, pairs] = words.startsWith('-') ? [`${words} `, ''] : ['', ` ${words}`];
    await fails(`mknimimage ${options}${source.trim()}${source === '' ? '' : ' '}other${pairs}`, text);
    expect(changing()).toHaveLength(before);
  });

  test('an image is completed as what it is', async () => {
    await stateless();
    await works('mknimimage -c img usercomment=spare');
    const listed = await works('lsdef -t osimage -l img');
    expect(listed).toContain('nimtype=diskless');
    expect(listed).toContain('shared_root=img_shared_root');
    expect(listed).not.toContain(' root=');
    await works('chkosimage img');
  });

  test('-V tells the commands', async () => {
    const out = await works(`mknimimage -V -s ${site.media} img`);
    expect(out).toMatch(/^xcatmn: Running command on this machine: nim -o define -t spot -a server=master .* img$/m);
  });

  test('the source has no support images', async () => {
    site.standIn.set({ simages: false });
    await fails(`mknimimage -s ${site.media} img`, /lacks the simages attribute/);
  });

  test('no space for the SPOT: it is left half-built, named, and not used', async () => {
    await standalone();
    site.standIn.set({ fullPaths: [`${site.base}/spot`] });
    await fails(`mknimimage -r -t diskless -s ${site.media} other`, /not enough free disk space/);
    site.standIn.set({ fullPaths: [] });
    await fails(`mknimimage -r -t diskless -s ${site.media} other`, /exists but is not ready .*left half-built/);
    const check = await site.hostler('nim show -l other');
    expect(check.out).toContain('unavailable for use');
  });

  test('NIM cannot be set up', async () => {
    site.standIn.set({ failOnce: ['nim_master_setup'] });
    await fails(`mknimimage -s ${site.media} img`, /NIM could not be set up/);
    await afresh();
  });

  test('NIM was set up by hand: it is not set up again', async () => {
    await site.master.tool('nimconfig', ['-a', 'pif_name=en0', '-a', 'netname=lan']);
    await afresh();
    expect(site.commands().filter((line) => line.startsWith('nim_master_setup'))).toEqual([]);
  });

  test('the machine is the client of another master: it is not made one', async () => {
    const niminfo = 'export NIM_NAME=node9\nexport NIM_CONFIGURATION=standalone\nexport NIM_MASTER_HOSTNAME=aixmn9\n';
    writeFileSync(`${site.dir}/niminfo`, niminfo);
    const script = `#!/bin/sh\n[ "$1" = /etc/niminfo ] && exec /bin/cat ${site.dir}/niminfo\nexec /bin/cat "$@"\n`;
    writeFileSync(`${site.standIn.bin}/cat`, script, { mode: 0o755 });
    await fails(`mknimimage -s ${site.media} img`, /is a NIM client of aixmn9/);
    expect(changing()).toEqual([]);
  });

  test('a master that speaks another language is asked in none', async () => {
    const before = process.env['LANG'];
    process.env['LANG'] = 'de_DE';
    try {
      await afresh();
      expect(await works(`mknimimage -f -s ${site.media} img`)).toContain("Using existing spot resource named 'img'.");
    } finally {
      if (before === undefined) delete process.env['LANG'];
      else process.env['LANG'] = before;
    }
  });

  test('somebody else works on the SPOT: refused as NIM does, nothing forced, no second build', async () => {
    await stateless();
    const file = `${site.standIn.dir}/state/db.json`;
    const db = JSON.parse(readFileSync(file, 'utf8')) as { objects: Record<string, { busy?: object }> };
    Object.assign(db.objects['img'] ?? {}, { busy: { pid: process.pid, op: 'cust' } });
    writeFileSync(file, JSON.stringify(db));
    const before = changing().length;
    await fails('mknimimage -u img otherpkgs=bos.x', /nim -o cust .* failed for img: 0042-001/);
    expect(changing().slice(before)).toHaveLength(1);
    expect(changing().filter((line) => line.startsWith('nim -F'))).toEqual([]);
  });

  test('the osimage exists', async () => {
    await standalone();
    const before = changing().length;
    await fails(`mknimimage -s ${site.media} img`, /The osimage definition 'img' already exists/);
    expect(changing()).toHaveLength(before);
  });

  test('a rerun with -f uses what is there', async () => {
    await standalone();
    const before = changing().length;
    expect(await works(`mknimimage -f -s ${site.media} img`)).toContain("Using existing spot resource named 'img'.");
    expect(changing()).toHaveLength(before);
  });

  test('an object of another type has the name', async () => {
    await standalone();
    await works('xcat2nim -t node node01');
    await fails(`mknimimage -s ${site.media} node01`, /is of type standalone, and a spot of that name is wanted/);
  });

  test('a resource of the name lies elsewhere', async () => {
    await standalone();
    await works('rmdef -t osimage img');
    await fails(`mknimimage -l ${site.dir}/elsewhere -s ${site.media} img`, /exists at .*, not at/);
  });

  test('a named resource is not there', async () => {
    await fails(`mknimimage -m mksysb img mksysb=nosuch spot=nosuch2`, /There is no mksysb resource named nosuch/);
  });

  test('a warning with exit 0 is no failure and stands in the log', async () => {
    site.standIn.set({ noise: '0042-345 nim: warning: something is odd' });
    await afresh();
    expect(site.log.join('\n')).toContain('something is odd');
  });

  test('a failure in the middle: the rerun goes on where it stopped', async () => {
    site.standIn.set({ failOnce: ['nim -o define -t spot'] });
    await fails(`mknimimage -s ${site.media} img`, /unexpected result/);
    await afresh();
    expect(changing().filter((line) => line.includes('-t lpp_source'))).toHaveLength(1);
  });
});

describe('a mksysb of a running node', () => {
  test.each([
    ['it is no NIM client', 'node02', {}, /not a NIM client/],
    ['it cannot be reached', 'node01', { unreachable: ['node01'] }, /unexpected result|giving up/],
  ])('%s', async (_what, node, behaviour, text) => {
    await standalone();
    await works('xcat2nim -t node node01');
    site.standIn.set(behaviour);
    await fails(`mknimimage -m mksysb -n ${node} clone`, text);
    expect(await objects()).not.toContain('clone_mksysb');
  });

  test('it is down', async () => {
    await standalone();
    await works('xcat2nim -t node node01');
    site.standIn.set({ unreachable: ['node01'] });
    await site.master.nim('check', 'node01');
    await fails('mknimimage -m mksysb -n node01 clone', /node01 is not running/);
  });

  test('the file would be too large for the file size limit', async () => {
    await standalone();
    await works('xcat2nim -t node node01');
    site.standIn.set({ limitedPaths: [`${site.base}/mksysb`] });
    await fails('mknimimage -m mksysb -n node01 clone', /ulimit/);
  });
});

describe('installing nodes', () => {
  beforeEach(async () => {
    await standalone();
  });

  test('a machine that is not ready is left alone without -f, and reset with it', async () => {
    await works('nimnodeset -i img node01');
    const before = changing().length;
    await fails('nimnodeset -i img node01', /is not ready: "BOS installation has been enabled"/);
    expect(changing()).toHaveLength(before);
    await works('nimnodeset -f -i img node01');
    const after = changing().slice(before);
    expect(after.map((line) => line.split(' ')[line.includes('-F') ? 3 : 2])).toEqual([
      'reset',
      'deallocate',
      'bos_inst',
    ]);
  });

  test('one bad node does not stop the others', async () => {
    site.standIn.set({ unresolvable: ['node02'] });
    const answer = await fails('nimnodeset -i img node01,node02,node03', /node02: .*does not resolve/);
    expect(answer.err).toContain('One or more errors occurred');
    expect(await works('lsdef node01 -i provmethod')).toContain('provmethod=img');
    expect(await works('lsdef node02 -i provmethod')).toContain('provmethod=\n');
    expect(await works('lsdef node03 -i provmethod')).toContain('provmethod=img');
  });

  test('two administrators, the same nodes at once: each node is set up once, and whoever comes second is told', async () => {
    const both = await Promise.all([1, 2].map(() => site.hostler('nimnodeset -i img node01,node02')));
    const told = both.map(({ err }) => err).join('');
    const ready = changing().filter((line) => line.includes('bos_inst'));
    for (const node of ['node01', 'node02']) {
      expect(await works(`xcat2nim -l ${node}`)).toContain('BOS installation has been enabled');
      // Refused by us, who looked, or by NIM, which looked later.
      expect(told.match(new RegExp(`\\]: ${node}: `, 'g'))?.length, JSON.stringify([both, changing()])).toBe(1);
    }
    expect(ready.length).toBeLessThanOrEqual(4);
  });

  test('a resource of one image does not leak into the next node', async () => {
    await works(`mknimimage -s ${site.media} two`);
    await works('chdef node01 provmethod=img');
    await works('chdef node02 provmethod=two');
    await works('nimnodeset node01,node02');
    const second = changing().find((line) => line.includes('bos_inst') && line.endsWith('node02')) ?? '';
    expect(second).toContain('spot=two');
    expect(second).not.toContain('img');
  });

  test.each([
    ['no network for its address', 'chdef node01 ip=192.168.7.7', /No network definition contains/],
    ['no gateway', 'chdef -t network net1 gateway=', /Missing gateway/],
    ['a MAC that is none', 'chdef node01 mac=zz', /MAC address 'zz'/],
  ])('%s', async (_what, change, text) => {
    await works(change);
    const before = changing().length;
    await fails('nimnodeset -i img node01', text);
    expect(changing()).toHaveLength(before);
  });

  test('a resource that the image names is gone', async () => {
    await site.master.nim('remove', 'img_bosinst_data');
    await fails('nimnodeset -i img node01', /There is no bosinst_data resource named img_bosinst_data/);
  });

  test('a begin prescript fails: nothing is done to its nodes, and its message is shown', async () => {
    writeFileSync(`${site.dir}/install/prescripts/gate`, '#!/bin/sh\necho the switch is down\nexit 1\n', {
      mode: 0o755,
    });
    await works('chdef node01 prescripts-begin=standalone:gate');
    await fails('nimnodeset -i img node01,node02', /node01: .*gate failed with return code 1: the switch is down/);
    expect(
      changing()
        .filter((line) => line.includes('bos_inst'))
        .map((line) => line.split(' ').at(-1)),
    ).toEqual(['node02']);
  });

  test('a prescript for another action does not run', async () => {
    writeFileSync(`${site.dir}/install/prescripts/gate`, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    await works('chdef node01 prescripts-begin=diskless:gate');
    await works('nimnodeset -i img node01');
  });

  test('a prescript with MAX_INSTANCE runs once for each node', async () => {
    const script = `#!/bin/sh\n#xCAT setting:MAX_INSTANCE=2\necho "$NODES" >>${site.dir}/ran\n[ "$NODES" != node02 ]\n`;
    writeFileSync(`${site.dir}/install/prescripts/each`, script, { mode: 0o755 });
    await works('chdef node01,node02,node03 prescripts-begin=each');
    await fails('nimnodeset -i img node01,node02,node03', /each: node=node02\. return code=1/);
    expect(readFileSync(`${site.dir}/ran`, 'utf8')).toBe('node01\nnode02\nnode03\n');
    expect(changing().filter((line) => line.includes('bos_inst'))).toHaveLength(2);
  });

  test('a prescript that is not there', async () => {
    await works('chdef node01 prescripts-begin=nosuch');
    await fails('nimnodeset -i img node01', /prescript .*nosuch cannot be read/);
  });

  test('the wrong kind of image', async () => {
    await works(`mknimimage -r -t diskless -s ${site.media} thin`);
    await fails('nimnodeset -i thin node01', /Use the mkdsklsnode command/);
    await fails('mkdsklsnode -i img node01', /Use the nimnodeset command/);
  });

  test('a diskless machine of the name must be forced', async () => {
    await works(`mknimimage -r -t diskless -s ${site.media} thin`);
    await works('mkdsklsnode -i thin node01');
    await fails('nimnodeset -i img node01', /of type diskless, and standalone is needed/);
    await works('nimnodeset -f -i img node01');
  });

  test('an installation that failed stays allocated until it is reset', async () => {
    await works('nimnodeset -i img node01');
    await site.master.tool('nim-client', ['boot', 'node01']);
    await site.master.tool('nim-client', ['fail', 'node01', 'BOS install failed: hdisk0']);
    expect(await works('xcat2nim -l node01')).toContain('err_info       = BOS install failed: hdisk0');
    await fails('nimnodeset -i img node01', /is not ready/);
    await works('nimnodeset -f -i img node01');
  });

  // 200 of them in nim-many.full.test.ts.
  test('many nodes: one list before, one after', async () => {
    await setManyUp(scenario, 30);
  }, 60_000);
});

describe('diskless nodes', () => {
  beforeEach(async () => {
    await stateless();
  });

  test('defined already: only with -f', async () => {
    await works('mkdsklsnode -i img node01');
    await fails('mkdsklsnode -i img node01', /already defined. Use the force option/);
    await works('mkdsklsnode -f -i img node01');
  });

  test('a failed initialization is tried once more, without force', async () => {
    site.standIn.set({ failOnce: ['nim -o dkls_init'] });
    await works('mkdsklsnode -i img node01');
    const tries = changing().filter((line) => line.includes('dkls_init'));
    expect(tries).toHaveLength(2);
    expect(tries.every((line) => !line.includes('-F'))).toBe(true);
  });

  test('the shared root is not refreshed while it is used', async () => {
    await works('mkdsklsnode -i img node01');
    expect(await works('mkdsklsnode -i img node02')).toContain(
      "'img_shared_root' is currently allocated. It will not be re-synchronized.",
    );
    expect(changing().filter((line) => line.includes('sync_roots'))).toHaveLength(1);
  });

  test('a running node is not taken away', async () => {
    await works('mkdsklsnode -i img node01');
    await site.master.tool('nim-client', ['boot', 'node01']);
    await fails('rmdsklsnode node01', /is running. Use -f/);
    expect(await objects()).toContain('node01');
    await works('rmdsklsnode -r node01');
    expect(await objects()).not.toContain('node01');
  });

  test('taking away what is not there is no error', async () => {
    await works('rmdsklsnode node03');
  });

  test('a dump setting needs a dump resource', async () => {
    await fails('mkdsklsnode -i img node01 configdump=full', /has no dump resource/);
  });

  test('an attribute nobody knows', async () => {
    await fails('mkdsklsnode -i img node01 colour=red', /attribute 'colour' is not valid/);
  });

  test('the SPOT stays while a shared root names it', async () => {
    await expect(site.master.nim('remove', 'img')).rejects.toThrow(/named by a shared_root/);
  });
});

describe('removing images', () => {
  test('a resource that two images share', async () => {
    await standalone();
    await works(`mknimimage -s img_lpp_source two`);
    await fails('rmnimimage -d img', /img and two share the common resource img_lpp_source/);
    await works('rmnimimage -f img');
  });

  test('files are deleted only below the base', async () => {
    writeFileSync(`${site.dir}/precious`, 'keep me');
    await works(`mknimimage -s ${site.media} img`);
    await works(`mknimimage -m mksysb -b ${site.dir}/precious img2 spot=img`);
    await works('rmnimimage -f -d img2');
    expect(existsSync(`${site.dir}/precious`)).toBe(true);
  });
});

describe('long work', () => {
  test('a driver that dies does not stop a SPOT, and the next one finds it', async () => {
    await works(`mknimimage -s ${site.media} first`);
    site.standIn.set({ spotSeconds: 2 });
    const arguments_ = [
      'define',
      '-t',
      'spot',
      '-a',
      'server=master',
      '-a',
      `location=${site.base}/spot`,
      '-a',
      'source=first_lpp_source',
    ];
    const started = site.hostler(`mknimimage -s ${site.media} slow`);
    await waitFor(async () => (await objects()).includes('slow'));
    // A second asking while the first one's SPOT is being built attaches to it instead of starting another.
    const second = site.hostler(`mknimimage -s ${site.media} slow`);
    const [one, two] = await Promise.all([started, second]);
    expect([one.exit, two.exit].includes(0)).toBe(true);
    expect(
      changing().filter((line) => line.includes(arguments_.slice(0, 3).join(' ')) && line.endsWith(' slow')),
    ).toHaveLength(1);
  }, 60_000);

  test('work whose process was killed is told, and its object not used', async () => {
    await works(`mknimimage -s ${site.media} first`);
    site.standIn.set({ spotSeconds: 30 });
    const started = site.hostler(`mknimimage -s ${site.media} slow`);
    await waitFor(async () => (await objects()).includes('slow'));
    const pid = site.standIn.calls().find(({ argv }) => argv.includes('spot') && argv.at(-1) === 'slow')?.pid ?? 0;
    const shell = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').split(' ')[3] ?? '0';
    // Both at once, as a crash of the machine would.
    process.kill(Number(shell), 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    const answer = await started;
    expect(answer.err).toMatch(/ended .* without a result/);
    site.standIn.set({ spotSeconds: 0 });
    await fails(`mknimimage -f -s ${site.media} slow`, /not ready/);
    const recovered = await site.hostler('nim check --recover slow');
    expect(recovered.err).toContain('No osimage names');
  }, 60_000);

  test('the polite signals do not reach it', async () => {
    await works(`mknimimage -s ${site.media} first`);
    site.standIn.set({ spotSeconds: 1 });
    const started = site.hostler(`mknimimage -s ${site.media} slow`);
    await waitFor(async () => (await objects()).includes('slow'));
    const pid = site.standIn.calls().find(({ argv }) => argv.includes('spot') && argv.at(-1) === 'slow')?.pid ?? 0;
    const shell = Number(readFileSync(`/proc/${String(pid)}/stat`, 'utf8').split(' ')[3] ?? '0');
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(shell, signal);
    expect((await started).exit).toBe(0);
  }, 60_000);
});

describe('checking', () => {
  test('names what definitions and NIM disagree about', async () => {
    await standalone();
    await site.master.nim('remove', 'img_bosinst_data');
    const answer = await site.hostler('nim check');
    expect(answer.exit).toBe(1);
    expect(answer.out).toContain(
      'img_bosinst_data: there is no such NIM object; a definition names it as bosinst_data.',
    );
    expect((await site.hostler('chkosimage img')).exit).toBe(1);
  });

  test('climbs the ladder for a half-built SPOT', async () => {
    await standalone();
    const file = `${site.standIn.dir}/state/db.json`;
    const db = JSON.parse(readFileSync(file, 'utf8')) as { objects: Record<string, { attrs: Record<string, string> }> };
    (db.objects['img']?.attrs ?? {})['Rstate'] = 'unavailable for use';
    writeFileSync(file, JSON.stringify(db));
    const answer = await site.hostler('nim check --recover img');
    expect(answer.out).toContain('img: is ready again.');
    expect(answer.exit).toBe(0);
  });

  test('does not call a broken tree ready', async () => {
    await standalone();
    const file = `${site.standIn.dir}/state/db.json`;
    const db = JSON.parse(readFileSync(file, 'utf8')) as { objects: Record<string, { attrs: Record<string, string> }> };
    (db.objects['img']?.attrs ?? {})['Rstate'] = 'unavailable for use';
    writeFileSync(file, JSON.stringify(db));
    rmSync(`${site.base}/spot/img`, { recursive: true });
    const answer = await site.hostler('nim check --recover img');
    expect(answer.exit).toBe(1);
    expect(answer.out).toContain('nim -Fo remove img');
  });
});

describe('networks and groups', () => {
  beforeEach(async () => {
    await standalone();
  });

  test('an equal network under another name counts', async () => {
    expect(await works('xcat2nim -t network -o net1')).toMatch(
      /already defined, under the name 'master_net'|already defined/,
    );
  });

  test('a network without an interface of the master gets a route', async () => {
    await works('mkdef -t network -o net2 net=10.9.0.0 mask=255.255.0.0 gateway=10.9.0.1');
    await works('xcat2nim -t network -o net2');
    expect(changing().at(-1)).toContain('routing2=net2 10.0.0.254 10.9.0.1');
  });

  test('a network of a further card that NIM has otherwise: its node is named, the others are done', async () => {
    await works('mkdef -t network -o net2 net=10.9.0.0 mask=255.255.0.0 gateway=10.9.0.1');
    await works('xcat2nim -t network -o net2');
    await works('chdef -t network -o net2 net=10.8.0.0');
    await works('chdef node01 nicips.en6=10.8.0.11');
    const { err } = await fails(
      'xcat2nim -t node node01,node02',
      /node01: NIM has a network 'net2' with another address/,
    );
    expect(err).not.toContain('node02');
    expect(changing().filter((line) => / node0\d$/.test(line))).toEqual([expect.stringMatching(/ node02$/)]);
  });

  test('a master without a default gateway: no network is left without its route', async () => {
    await works('mkdef -t network -o net2 net=10.9.0.0 mask=255.255.0.0 gateway=10.9.0.1');
    await site.master.nim('change', 'master_net', [['routing1', '']]);
    const before = changing().length;
    await fails('xcat2nim -t network -o net2', /has no default gateway/);
    expect(changing()).toHaveLength(before);
  });

  test('a group without a NIM machine', async () => {
    await fails('xcat2nim -t group -o aix', /None of the members of aix is a NIM machine/);
  });

  test('a node without a MAC', async () => {
    await works('chdef node01 mac=');
    await fails('xcat2nim -t node node01', /Missing the MAC for node 'node01'/);
  });

  test('a machine that exists', async () => {
    await works('xcat2nim -t node node01');
    await fails('xcat2nim -t node node01', /is already defined/);
    await works('xcat2nim -u -t node node01');
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not come to pass');
}
