import { isIP } from 'node:net';
import { expandNoderange } from '../../shared/noderange/index.ts';
import { attribute, byName, commaList } from '../../shared/objects/index.ts';
import { clustersite } from '../../shared/schema/index.ts';
import { renderBind } from '../../shared/services/bind.ts';
import type { DnsModel } from '../../shared/services/dns.ts';
import { renderDnsmasqNames } from '../../shared/services/dnsmasq-names.ts';
import type { FilesSpec } from '../../shared/task/files.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { domainsOf } from './services/domains.ts';
import { etc, ofMachine } from './services/etc.ts';
import { filesPlaced, type FilesState, placeFiles } from './services/files-task.ts';
import { hostsOf } from './services/host-entries.ts';
import { failed, orRefused, noSuchNodes } from './tables/answers.ts';

/** Renders the name server's files from the definitions, whole, for all nodes at once. */
export const makedns: Verb<FilesState | null> = {
  name: 'makedns',
  version: 1,
  changes: true,
  start: (asked, known) => orRefused(asked, () => begin(asked, known)),
  on: (state, report) => (state === null ? { state, effects: [] } : filesPlaced(state, report)),
};

function begin(asked: Asked, known: View): Step<FilesState | null> {
  const [range] = asked.operands;
  const named = range === undefined ? undefined : expandNoderange(known, range, { verify: true, files: asked.files });
  if (named && named.missing.length > 0) {
    return noSuchNodes(named.missing);
  }
  const remove = hasFlag(asked, 'd');
  if (remove && named === undefined)
    return failed(asked, 'makedns -d needs the nodes to take away: makedns -d NODERANGE');
  const site = (key: string): string => attribute(known, 'site', clustersite, key)?.value ?? '';
  const domain = site('domain');
  if (domain === '') return failed(asked, 'domain not defined in site table: chdef -t site domain=DOMAIN');
  const away = new Set(remove ? named?.nodes : []);
  const domains = domainsOf(known);
  const nodes = [...known.rows('node')].map(([name]) => name).filter((name) => !away.has(name));
  const names = nodes.sort(byName).flatMap((node) => hostsOf(known, node, domains).entries);
  const master = site('master');
  const model: DnsModel = {
    domain,
    names,
    forwarders: commaList(site('forwarders')).filter((word) => isIP(word) !== 0),
    server: { ip: isIP(master) === 0 ? '127.0.0.1' : master, name: asked.server, domain, others: [] },
  };
  const backend = backendOf(asked, site('dnshandler'));
  const task = placeFiles(asked, known, `Write the names for ${backend}`, filesFor(asked, model, backend));
  const text = [
    ...(named?.nodes ?? []).map((node) => `${remove ? 'Removing' : 'Handling'} ${node}.`),
    'Updating zones.',
    'Completed updating zones.',
    'DNS setup is completed',
    '',
  ].join('\n');
  return { state: { server: asked.server, exit: 0, text, json: asked.json }, effects: [task] };
}

type Backend = 'dnsmasq' | 'bind';

/** `ddns`, xCAT's default, names nothing that we could do otherwise: it is dnsmasq, as the boot service has it. */
function backendOf(asked: Asked, handler: string): Backend {
  const wanted = asked.options['backend']?.at(-1) ?? handler;
  return /^(bind|named)$/.test(wanted) ? 'bind' : 'dnsmasq';
}

function filesFor(asked: Asked, model: DnsModel, backend: Backend): FilesSpec {
  if (backend === 'dnsmasq') {
    const path = etc(asked, 'dnsmasq.d', 'hostler-names.conf');
    const check = { by: 'dnsmasq' } as const;
    return { files: [{ path, content: renderDnsmasqNames(model), mode: 0o644, check }], reload: ['dnsmasq'] };
  }
  const work = ofMachine(asked) ? '/var/cache/bind' : etc(asked);
  const place = { conf: etc(asked, 'bind', 'named.conf'), zones: etc(asked, 'bind', 'hostler'), work };
  const files = renderBind(model, place, Math.floor(asked.at / 1000));
  return {
    files: files.map(({ path, content, zone }) => {
      const check =
        zone === undefined ? ({ by: 'named-checkconf' } as const) : ({ by: 'named-checkzone', zone } as const);
      return { path, content, mode: 0o644, check };
    }),
    reload: ['named'],
  };
}
