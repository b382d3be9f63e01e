import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nimSite, type NimSite } from '../nim/support/site.ts';

let site: NimSite;
beforeEach(async () => {
  site = await nimSite({
    site: {
      clustersite: { 'site.master': '10.0.0.1', 'site.domain': 'cluster.test', 'site.nameservers': '10.0.0.1' },
    },
  });
});
afterEach(() => {
  site.close();
});

/** The commands of a page, in order: what the documents show is what runs here. */
function commandsOf(page: string): string[] {
  const text = readFileSync(resolve(import.meta.dirname, '../../docs', page), 'utf8');
  return [...text.matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command);
}

async function well(line: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const [, file, command = line] = /^cat (\S+) \| (.*)$/.exec(line) ?? [];
  const answer = await site.hostler(command.replace(/^hostler /, ''), file === undefined ? undefined : files[file]);
  const errors = answer.err.replaceAll(/^Warning: .*\n/gm, '');
  expect(`${line}: ${String(answer.exit)}\n${errors}`).toBe(`${line}: 0\n`);
  return answer.out;
}

/** Runs a page; returns what each command printed. */
async function tell(
  page: string,
  change: (line: string) => string,
  before: (line: string) => Promise<void> = () => Promise.resolve(),
  files: Readonly<Record<string, string>> = {},
): Promise<Map<string, string>> {
  const printed = new Map<string, string>();
  for (const line of commandsOf(page)) {
    await before(line);
    printed.set(line, await well(change(line), files));
  }
  return printed;
}

test('the page about diskless nodes can be followed word for word', async () => {
  const printed = await tell('aix-diskless.md', (line) =>
    line.replace('/myimages', site.media).replace('/otherplace', `${site.dir}/other`),
  );
  expect(printed.get('mknimimage -r -t diskless -s /myimages 61cosi')).toContain(
    'Object name: 61cosi\n\timagetype=NIM\n\tlpp_source=61cosi_lpp_source\n\tnimtype=diskless\n\tosname=AIX\n\tpaging=61cosi_paging\n\tshared_root=61cosi_shared_root\n\tspot=61cosi\n',
  );
  expect(printed.get('lsdef node01 -i provmethod')).toContain('provmethod=61cosi');
  expect(printed.get('xcat2nim -l node01')).toMatch(/Cstate\s+= diskless or dataless boot is enabled/);
  expect(printed.get('rmnimimage -d 61cosi')).toContain("Removed the xCAT osimage definition '61cosi'.");
  const left = (await site.master.showAll()).map(({ name }) => name);
  expect(left).toEqual(['master', 'boot', 'nim_script', 'master_net', 'site_resolv_conf']);
  expect(site.commands().filter((line) => line.startsWith('nim_master_setup'))).toHaveLength(1);
}, 90_000);

test('an image is kept as long as a node uses it', async () => {
  await well('mkdef -t network -o net1 net=10.0.0.0 mask=255.255.255.0 gateway=10.0.0.254');
  await well('mkdef -t node -o node01 groups=all ip=10.0.0.11 mac=00:11:22:33:44:01');
  await well(`mknimimage -r -t diskless -s ${site.media} 61cosi`);
  await well('mkdsklsnode -i 61cosi node01');
  const kept = await well('rmnimimage 61cosi');
  expect(kept).toContain("The resource named '61cosi' is currently allocated. It will not be removed.");
  expect(await well('lsdef -t osimage -l 61cosi')).toContain('spot=61cosi');
}, 60_000);

const lpars = `node27:
\tobjtype=node
\tnodetype=ppc,osi
\tid=3
\tmodel=8233-E8B
\tserial=103A4DP
\thcp=hmc01
\tmgt=hmc
\tgroups=lpar,all

node28:
\tobjtype=node
\tnodetype=ppc,osi
\tmgt=hmc
\thcp=hmc01
\tgroups=lpar,all,aixnodes

node29:
\tobjtype=node
\tnodetype=ppc,osi
\tmgt=hmc
\thcp=hmc01
\tgroups=lpar,all,aixnodes
`;

test('the page about clones can be followed word for word', async () => {
  for (const name of ['foo', 'bar']) {
    const script = `#!/bin/sh\necho ${name} $ACTION $NODES\n`;
    writeFileSync(`${site.dir}/install/prescripts/${name}`, script, { mode: 0o755 });
  }
  // The page begins where a SPOT is there already.
  await well(`mknimimage -s ${site.media} 610`);
  const spot = `${site.dir}/install/nim/spot`;
  const pairs = [
    ['server', 'master'],
    ['location', spot],
    ['source', '610_lpp_source'],
  ] as const;
  await site.master.nim('define', '610spot', pairs, { type: 'spot' });
  const before = async (line: string): Promise<void> => {
    if (!line.startsWith('xcat2nim -t node -r')) return;
    for (const node of ['node28', 'node29']) await install(node);
  };
  const printed = await tell('aix-clone.md', (line) => line, before, { 'lpars.stanza': lpars });
  expect(printed.get('mknimimage -m mksysb -n node27 610sysb spot=610spot')).toContain(
    '\tbosinst_data=610sysb_bosinst_data\n\timagetype=NIM\n\tmksysb=610sysb\n\tnimmethod=mksysb\n\tnimtype=standalone\n\tosname=AIX\n\tspot=610spot\n',
  );
  const set = printed.get('nimnodeset -i 610sysb node28,node29') ?? '';
  expect(set).toContain('Running begin script foo for nodes node28,node29.');
  expect(set).toContain('foo: foo standalone node28,node29');
  expect(set).toContain('xcatmn: AIX/NIM nodes were initialized.');
  const bos = site.commands().filter((line) => line.includes('bos_inst'));
  expect(bos).toHaveLength(2);
  expect(bos.every((line) => !line.includes('-F') && line.includes('mksysb=610sysb'))).toBe(true);
  expect(site.standIn.calls().every(({ locale }) => locale === 'C')).toBe(true);
  expect((await site.master.showAll()).some(({ name }) => name === '610sysb')).toBe(false);
}, 90_000);

test('the page about several networks can be followed word for word', async () => {
  // The page begins where NIM is set up.
  await site.master.tool('nimconfig', ['-a', 'pif_name=en0', '-a', 'netname=master_net']);
  const printed = await tell('aix-networks.md', (line) => line);
  const networks = site.commands().filter((line) => line.startsWith('nim ') && !/standalone|node30/.test(line));
  expect(networks).toEqual([
    'nim -o define -t ent -a net_addr=10.2.0.0 -a snm=255.255.0.0 -a routing1=default 10.2.0.254 net2',
    'nim -o change -a if2=net2 xcatmn-en1 0 -a cable_type2=N/A master',
    'nim -o define -t hfi -a net_addr=20.7.0.0 -a snm=255.255.0.0 -a routing1=default 20.7.0.254 hfinet',
    'nim -o change -a routing2=hfinet 10.0.0.254 20.7.0.254 master_net',
  ]);
  expect(printed.get('xcat2nim -t network -l -o hfinet')).toMatch(/type\s+= hfi\n/);
  expect(printed.get('hostler nim show -l master')).toMatch(/if2\s+= net2 xcatmn-en1 0\n/);
  const node = printed.get('xcat2nim -t node -l node30');
  expect(node).toMatch(/if1\s+= master_net node30 001122334430 ent\n/);
  expect(node).toMatch(/if2\s+= net2 node30-en6 001122334436 ent6\n/);
  expect(node).toMatch(/if3\s+= hfinet node30-hf0 0 hfi0\n/);
  expect(node).toMatch(/cable_type3\s+= N\/A\n/);
  expect(site.commands().find((line) => line.startsWith('nim -o change') && line.endsWith('node30'))).toContain(
    '-a if3=hfinet node30-hf0 0 hfi1',
  );
}, 60_000);

/** What the machine itself does between two commands of the page. */
async function install(node: string): Promise<void> {
  for (const words of [
    ['boot', node],
    ['progress', node, 'BOS install 40% complete'],
    ['succeed', node],
  ]) {
    await site.master.tool('nim-client', words);
  }
}
