// bound: 600 s
import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { scenarios } from '../nim/support/scenario.ts';
import type { NimSite } from '../nim/support/site.ts';

// What AIX nodes run themselves, how they get it, and the password of root. That they report is tested with the script
// itself, mksh and openssl in test/unit/agent/services/nim/reports.test.ts.

const { site: theSite, works } = scenarios();
let site: NimSite;
beforeEach(() => {
  site = theSite();
});

const secret = 'correct horse';
const list = (name: string): string =>
  readFileSync(`${site.dir}/install/postscripts/mypostscripts/mypostscript.${name}`, 'utf8');
/** Everything that NIM's programs, and our log, were told. */
const said = (): string => [...site.commands(), ...site.log].join('\n');

beforeEach(() => {
  site.view.commit([{ type: 'passwd', name: 'system,root', values: { 'passwd.password': secret } }]);
});

test('nodes that are installed get a list of their postscripts, and the supplied ones', async () => {
  await works(`mknimimage -s ${site.media} img`);
  await works('chdef -t node -o node01 postscripts=setupntp,confignimsh');
  await works('nimnodeset -i img node01');
  const folder = `${site.dir}/install/postscripts`;
  expect(list('node01')).toContain('NODE=node01; export NODE\n');
  expect(list('node01')).toMatch(/^run(_if_there)? setupntp\nrun confignimsh$/m);
  expect(readFileSync(`${folder}/hostleraixpost`, 'utf8')).toMatch(/^#!\/bin\/sh\n/);
  expect(readFileSync(`${site.base}/scripts/xcataixscript`, 'utf8')).toContain(`$NIM_MASTER_HOSTNAME:${folder}" /mnt`);
});

describe('the state of nodes', () => {
  const state = async (node: string): Promise<string> => (await works(`nodeset ${node} stat`)).trim();

  test('is what their images are, and undefined when they are taken out of NIM', async () => {
    await works('chdef node01,node02 mgt=hmc');
    await works(`mknimimage -s ${site.media} img`);
    await works('nimnodeset -i img node01');
    expect(await state('node01')).toBe('node01: standalone');
    // The node's scripts are told what it becomes, not what it was.
    for (const line of ['NODESETSTATE=standalone', 'OSVER=AIX', 'PROVMETHOD=img'])
      expect(list('node01')).toContain(`${line};`);
    expect(await works('lsdef node01 -i currstate')).toContain('currstate=standalone');
    await works(`mknimimage -r -t diskless -s ${site.media} dl`);
    await works('mkdsklsnode -i dl node02');
    expect(await state('node02')).toBe('node02: diskless');
    await works('rmdsklsnode -r -i other node02');
    expect(await state('node02')).toBe('node02: diskless');
    await works('rmdsklsnode -r node02');
    expect(await state('node02')).toBe('node02: undefined');
  });
});

describe('diskless nodes', () => {
  const root = (): string => `${site.base}/spot/img/usr/lpp/bos/inst_root`;

  test.each([
    ['stateless', '-r -t diskless', () => `${site.base}/shared_root/img_shared_root`],
    ['stateful', '-t diskless', () => `${site.base}/root/img_root/node01`],
    ['dataless', '-t dataless', () => `${site.base}/root/img_root/node01`],
  ])('%s: the root of the node runs postscripts at each boot and has the password', async (_what, options, tree) => {
    await works(`mknimimage ${options} -s ${site.media} img`);
    await works('chdef -t node -o node01 postscripts=setupntp');
    await works('mkdsklsnode -i img node01');
    for (const folder of [root(), tree()]) {
      expect(readFileSync(`${folder}/etc/inittab`, 'utf8')).toMatch(/^xcat:2:wait:\/opt\/xcat\/xcataixpost/m);
      expect(readFileSync(`${folder}/opt/xcat/xcataixpost`, 'utf8')).toContain(`${site.dir}/install/postscripts`);
      expect(readFileSync(`${folder}/etc/security/passwd`, 'utf8')).toContain('password = {ssha512}10$');
    }
    expect(list('node01')).toMatch(/^run(_if_there)? setupntp$/m);
    expect(said()).not.toContain(secret);
    expect(said()).not.toContain('{ssha512}');
  });

  test('what is ready already is not touched; a new password is, as soon as nobody uses the SPOT', async () => {
    await works(`mknimimage -r -t diskless -s ${site.media} img`);
    const before = readFileSync(`${root()}/etc/security/passwd`, 'utf8');
    await works('mkdsklsnode -i img node01');
    expect(readFileSync(`${root()}/etc/security/passwd`, 'utf8')).toBe(before);
    site.view.commit([{ type: 'passwd', name: 'system,root', values: { 'passwd.password': 'another one' } }]);
    const told = await works('mkdsklsnode -i img node02');
    expect(told).toMatch(/the SPOT img is in use and was not changed.*: etc\/security\/passwd/);
    expect(readFileSync(`${root()}/etc/security/passwd`, 'utf8')).toBe(before);
    await works('rmdsklsnode -r node01,node02');
    await works('mkdsklsnode -i img node02');
    expect(readFileSync(`${root()}/etc/security/passwd`, 'utf8')).not.toBe(before);
  });

  test('without a password that is known: a warning, and the image is made', async () => {
    site.view.commit([{ type: 'passwd', name: 'system,root', remove: true }]);
    expect(await works(`mknimimage -r -t diskless -s ${site.media} img`)).toContain('no root password is known');
    expect(existsSync(`${root()}/opt/xcat/xcataixpost`)).toBe(true);
  });
});
