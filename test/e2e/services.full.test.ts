// bound: 300 s
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderDnsmasq, renderHosts, renderNames } from '../../shared/boot/dnsmasq.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { renderBind } from '../../shared/services/bind.ts';
import { renderDnsmasqNames } from '../../shared/services/dnsmasq-names.ts';
import { renderDhcpd } from '../../shared/services/isc-dhcpd.ts';
import { renderKea } from '../../shared/services/kea.ts';
import { names, nodes, service } from '../unit/support/service-model.ts';

/* What is rendered for other programs, read by these programs: for no node, a few, and ten thousand. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostler-services-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

const counts = [0, 3, 10_000];

describe.each(counts)('%i nodes', (count) => {
  test('dnsmasq --test takes the names and the boot service', async (context) => {
    if (which('dnsmasq') === undefined) context.skip('dnsmasq is not installed');
    const own = await written('names.conf', renderDnsmasqNames(names(count)));
    await run('dnsmasq', ['--test', `--conf-file=${own}`]);
    const hosts = await written('dhcp-hosts', renderHosts(nodes(count)));
    const addresses = await written('addn-hosts', renderNames(nodes(count)));
    const files = { hosts, names: addresses, leases: join(folder, 'l'), pid: join(folder, 'p'), tftp: folder };
    const conf = await written('dnsmasq.conf', renderDnsmasq(service, files, []));
    await run('dnsmasq', ['--test', `--conf-file=${conf}`]);
  });

  test('kea-dhcp4 -t', async (context) => {
    if (which('kea-dhcp4') === undefined) context.skip('Kea is not installed');
    const path = await written('kea.conf', renderKea(service, nodes(count), join(folder, 'leases.csv')));
    const { stdout, stderr } = await run('kea-dhcp4', ['-t', path]);
    expect(stdout + stderr).not.toMatch(/ERROR/);
  });

  test('dhcpd -t', async (context) => {
    if (which('dhcpd') === undefined) context.skip('ISC dhcpd is not installed');
    const path = await written('dhcpd.conf', renderDhcpd(service, nodes(count)));
    await run('dhcpd', ['-t', '-cf', path]);
  });

  test('named-checkconf and named-checkzone', async (context) => {
    if (which('named-checkconf') === undefined) context.skip("BIND's checkers are not installed");
    const place = { conf: join(folder, 'bind/named.conf'), zones: join(folder, 'bind/zones'), work: folder };
    const files = renderBind(names(count), place, 1);
    for (const { path, content } of files) await written(path.slice(folder.length + 1), content);
    await run('named-checkconf', [place.conf]);
    for (const { zone, path } of files) if (zone !== undefined) await run('named-checkzone', [zone, path]);
  });
});

test('the checkers refuse what is wrong', async (context) => {
  if (which('dhcpd') === undefined) context.skip('ISC dhcpd is not installed');
  const path = await written('bad.conf', `${renderDhcpd(service, nodes(1))}\nnonsense {`);
  await expect(run('dhcpd', ['-t', '-cf', path])).rejects.toThrow(/dhcpd/);
});
