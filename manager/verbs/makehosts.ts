import { expandNoderange } from '../../shared/noderange/index.ts';
import { attribute, byName } from '../../shared/objects/index.ts';
import { clustersite } from '../../shared/schema/index.ts';
import { hostLine } from '../../shared/services/hosts-file.ts';
import type { HostsChange } from '../../shared/task/files.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { domainsOf } from './services/domains.ts';
import { filesPlaced, type FilesState, placeFiles } from './services/files-task.ts';
import { hostsOf, linkLocalOf, namesOf } from './services/host-entries.ts';
import { orRefused, noSuchNodes } from './tables/answers.ts';

/** Keeps the nodes' lines of the hosts file, in a block of its own; whatever stands around it stays. */
export const makehosts: Verb<FilesState | null> = {
  name: 'makehosts',
  version: 1,
  changes: true,
  start: (asked, known) => orRefused(asked, () => begin(asked, known)),
  on: (state, report) => (state === null ? { state, effects: [] } : filesPlaced(state, report)),
};

function begin(asked: Asked, known: View): Step<FilesState | null> {
  const [range] = asked.operands;
  const asRange = range === undefined ? undefined : expandNoderange(known, range, { verify: true, files: asked.files });
  if (asRange && asRange.missing.length > 0) {
    return noSuchNodes(asRange.missing);
  }
  const nodes = asRange?.nodes ?? [...known.rows('node')].map(([name]) => name).sort(byName);
  const { change, warnings, errors } = hasFlag(asked, 'd')
    ? removal(known, asRange?.nodes)
    : lines(asked, known, nodes, asRange !== undefined);
  const said = [...warnings, ...errors];
  const says: Effect[] = said.length === 0 ? [] : [{ do: 'say', text: said.join(''), error: true }];
  const exit = errors.length > 0 ? 1 : 0;
  if (!change.clear && change.remove.length === 0 && change.put.length === 0) {
    return end(...says, { do: 'done', exit });
  }
  const path = asked.folders.hostsFile;
  const task = placeFiles(asked, known, `Change ${path}`, { files: [{ path, hosts: change }], reload: [] });
  return { state: { server: asked.server, exit, text: '', json: asked.json }, effects: [...says, task] };
}

interface Outcome {
  readonly change: HostsChange;
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
}

/** All names and addresses of the nodes; without a node range, everything that is ours. */
function removal(known: View, nodes: readonly string[] | undefined): Outcome {
  if (nodes === undefined) return { change: { clear: true, remove: [], put: [] }, warnings: [], errors: [] };
  return { change: { clear: false, remove: namesOf(known, nodes), put: [] }, warnings: [], errors: [] };
}

/** Nodes that were named are warned about when they have no address; when all are meant they are left out in silence. */
function lines(asked: Asked, known: View, nodes: readonly string[], named: boolean): Outcome {
  const { server } = asked;
  const first = attribute(known, 'site', clustersite, 'FQDNfirst')?.value ?? '';
  const longFirst = hasFlag(asked, 'longnamefirst') || /^(1|yes|enable)$/i.test(first);
  const linkLocal = hasFlag(asked, 'mactolinklocal');
  const domains = domainsOf(known);
  const put: string[] = [];
  const warnings: string[] = [];
  const errors: string[] = [];
  for (const node of nodes) {
    const own = linkLocal ? linkLocalOf(known, node, domains) : undefined;
    const { entries, ip, bad } = linkLocal
      ? { entries: own ? [own] : [], ip: own?.ip ?? '', bad: false }
      : hostsOf(known, node, domains);
    if (bad) warnings.push(`Warning: [${server}]: Ignoring node '${node}', its ip address '${ip}' is not valid.\n`);
    else if (ip === '' && named) {
      const why = linkLocal ? 'it has no MAC address' : 'it can not be resolved';
      warnings.push(`Warning: [${server}]: Ignoring node '${node}', ${why}.\n`);
    }
    for (const entry of entries) {
      const line = hostLine(entry, longFirst);
      if (line !== undefined) put.push(line);
      else errors.push(dotted(server, entry.name, entry.domain));
    }
  }
  return { change: { clear: hasFlag(asked, 'n'), remove: [], put }, warnings, errors };
}

function dotted(server: string, name: string, domain: string): string {
  const full = domain === '' ? name : `${name}.${domain}`;
  return (
    `Error: [${server}]: Invalid short node name '${name}'. The short node name may not contain a dot. ` +
    `It is what stands before the domain in '${full}'.\n`
  );
}
