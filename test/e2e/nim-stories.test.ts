import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nimSite, type NimSite } from '../nim/support/site.ts';

let site: NimSite;
beforeEach(async () => {
  site = await nimSite({
    site: { clustersite: { 'site.master': '10.0.0.1', 'site.domain': 'cluster.test', 'site.nameservers': '10.0.0.1' } },
    network: { net1: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.255.0', 'networks.gateway': '10.0.0.254' } },
  });
});
afterEach(() => {
  site.close();
});

async function well(line: string, input?: string): Promise<string> {
  const answer = await site.hostler(line, input);
  expect(`${line}: ${String(answer.exit)}\n${answer.err}`).toBe(`${line}: 0\n`);
  return answer.out;
}

test('diskless: from an image to nodes and back to nothing', async () => {
  await well('mkdef -t node -o node01 groups=aixnodes,all ip=10.0.0.11 mac=00:11:22:33:44:55 arch=ppc64 mgt=hmc');
  const made = await well(`mknimimage -r -t diskless -s ${site.media} 61cosi`);
  expect(made).toContain('Object name: 61cosi\n\timagetype=NIM\n\tlpp_source=61cosi_lpp_source\n\tnimtype=diskless\n\tosname=AIX\n\tpaging=61cosi_paging\n\tshared_root=61cosi_shared_root\n\tspot=61cosi\n');
  expect(await well('lsdef -t osimage -l 61cosi -i spot')).toContain('spot=61cosi');
  expect(await well('mkdsklsnode -i 61cosi node01')).toContain('AIX/NIM diskless nodes were initialized.');
  expect(await well('lsdef node01 -i provmethod')).toContain('provmethod=61cosi');
  expect(await well('xcat2nim -l node01')).toContain('Cstate         = diskless or dataless boot is enabled');
  const kept = await well('rmnimimage 61cosi');
  expect(kept).toContain("The resource named '61cosi' is currently allocated. It will not be removed.");
  expect(await well('rmdsklsnode node01')).toContain('AIX/NIM diskless nodes were removed.');
  expect(await well('rmnimimage -d 61cosi')).toContain("Removed the xCAT osimage definition '61cosi'.");
  expect((await site.master.showAll()).map(({ name }) => name)).toEqual(['master', 'boot', 'nim_script', 'master_net', 'xcatmn_resolv_conf'].filter((name) => name !== 'xcatmn_resolv_conf').concat('site_resolv_conf'));
}, 60_000);

test('clone: a mksysb of a running node, installed on others', async () => {
  await well('mkdef -t node -o hmc01 groups=hmc,all nodetype=ppc hwtype=hmc mgt=hmc username=hscroot password=abc123');
  await well('mkdef -t node -o node27,node28,node29 groups=aixnodes,all arch=ppc64 mgt=hmc');
  for (const [index, node] of ['node27', 'node28', 'node29'].entries()) await well(`chdef ${node} ip=10.0.0.2${String(index)} mac=0011223344${String(index)}5`);
  // The golden node is a client already, and a SPOT is there.
  await well(`mknimimage -s ${site.media} 610`);
  await well('xcat2nim -t node node27');
  await well(`mkdef -t osimage -o x imagetype=NIM nimtype=standalone`);
  await site.master.nim('define', '610spot', [['server', 'master'], ['location', `${site.dir}/install/nim/spot`], ['source', '610_lpp_source']], { type: 'spot' });
  const made = await well('mknimimage -m mksysb -n node27 610sysb spot=610spot');
  expect(made).toContain('\tbosinst_data=610sysb_bosinst_data\n\timagetype=NIM\n\tmksysb=610sysb\n\tnimmethod=mksysb\n\tnimtype=standalone\n\tosname=AIX\n\tspot=610spot\n');
  for (const name of ['foo', 'bar']) writeFileSync(`${site.dir}/install/prescripts/${name}`, `#!/bin/sh\necho ${name} $ACTION $NODES\n`, { mode: 0o755 });
  await well('chdef -t node -o node28,node29 prescripts-begin=standalone:foo,bar');
  await well('xcat2nim -t node -o node28,node29');
  await well('xcat2nim -t group -o aixnodes');
  const set = await well('nimnodeset -i 610sysb node28,node29');
  expect(set).toContain('foo: foo standalone node28,node29');
  expect(set).toContain('xcatmn: AIX/NIM nodes were initialized.');
  expect(await well('xcat2nim -t node -l node28')).toContain('BOS installation has been enabled');
  const bos = site.commands().filter((line) => line.includes('bos_inst'));
  expect(bos).toHaveLength(2);
  expect(bos.every((line) => !line.includes('-F') && line.includes('boot_client=no') && line.includes('mksysb=610sysb'))).toBe(true);
  expect(site.standIn.calls().every(({ locale }) => locale === 'C')).toBe(true);
  const again = await site.hostler('nimnodeset -i 610sysb node28');
  expect(again.exit).toBe(1);
  expect(again.err).toContain('is not ready');
}, 60_000);
