import { attribute, groupMembers, objectNames } from '../../shared/objects/index.ts';
import { expandNoderange } from '../../shared/noderange/index.ts';
import {
  nimKinds,
  type NimClientSpec,
  type NimClientsResult,
  type NimClientsSpec,
  type NimGroupsSpec,
  type NimNetworksSpec,
  type NimShowSpec,
} from '../../shared/task/nim.ts';
import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Requirement } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { clientDefinition } from './nim/client-plan.ts';
import { masterName, networkKind, networkNamed, nimNetwork, type NimNetwork } from './nim/interfaces.ts';
import { complain, mastersOf, nimMaster, refuse, say, shortName, splitPairs, verbosely } from './nim/common.ts';

interface State {
  readonly server: string;
  readonly open: readonly string[];
  readonly failures: number;
  readonly [key: string]: Json;
}

interface Target {
  readonly type: string;
  readonly names: readonly string[];
}

/** Makes NIM machines, groups and networks out of definitions; lists and removes them. */
export const xcat2nim: Verb<State | null> = {
  name: 'xcat2nim',
  version: 1,
  changes: true,
  start(asked, known): Step<State | null> {
    const { names, pairs, bad } = splitPairs(asked.operands);
    if (bad !== undefined) return refuse(asked, `Incorrect 'attr=val' pair - ${bad}`);
    const targets = targetsOf(asked, known, names);
    if (typeof targets === 'string') return refuse(asked, targets);
    const effects: Effect[] = [];
    const refused: Effect[] = [];
    const run = (kind: string, on: Requirement, title: string, spec: Json): void => {
      const key = `nim-${String(effects.length + 1)}`;
      effects.push({
        do: 'run',
        task: {
          key,
          kind,
          title,
          on,
          spec: verbosely(asked, spec as object) as Json,
          uninterruptible: kind !== nimKinds.show,
          lock: `nim-clients-${on.agent ?? 'prime'}`,
        },
      });
    };
    for (const { type, names: objects } of targets) {
      if (hasFlag(asked, 'l'))
        run(nimKinds.show, nimMaster(known), `List NIM ${type}s`, {
          names: objects.map(shortName),
          long: true,
          filter: '',
        } satisfies NimShowSpec);
      else if (type === 'node') nodes(asked, known, objects, pairs, run, refused);
      else if (type === 'group')
        run(nimKinds.groups, nimMaster(known), 'Define NIM groups', groups(asked, known, objects) as unknown as Json);
      else
        run(
          nimKinds.networks,
          nimMaster(known),
          'Define NIM networks',
          networks(asked, known, objects) as unknown as Json,
        );
    }
    if (effects.length === 0) return end(...refused, { do: 'done', exit: refused.length > 0 ? 1 : 0 });
    const open = effects.map((_, index) => `nim-${String(index + 1)}`);
    return { state: { server: asked.server, open, failures: refused.length }, effects: [...refused, ...effects] };
  },
  on(state, report) {
    if (state === null || report.about !== 'task') return { state, effects: [] };
    const open = state.open.filter((key) => key !== report.key);
    const effects: Effect[] = [];
    let failures = state.failures;
    if (report.outcome === 'done') {
      const result = report.result as unknown as Partial<NimClientsResult & { text: string; missing: string[] }>;
      if (result.text !== undefined && result.text !== '') effects.push({ do: 'say', text: result.text });
      for (const line of result.lines ?? []) effects.push(say(`${state.server}: ${line}`));
      const troubles = [
        ...(result.missing ?? []).map((name) => `There is no NIM object named '${name}'.`),
        ...Object.entries(result.failed ?? {}).map(([name, message]) => `${name}: ${message}`),
      ];
      failures += troubles.length;
      effects.push(
        ...troubles.map((text): Effect => ({ do: 'say', text: `Error: [${state.server}]: ${text}\n`, error: true })),
      );
    } else {
      failures += 1;
      effects.push({ do: 'say', text: `Error: [${state.server}]: ${report.message}\n`, error: true });
    }
    if (open.length === 0) effects.push({ do: 'done', exit: failures > 0 ? 1 : 0 });
    return { state: { ...state, open, failures }, effects };
  },
};

function targetsOf(asked: Asked, known: View, operands: readonly string[]): Target[] | string {
  // Groups take machines that are there.
  const order = ['network', 'node', 'group'];
  const types = (optionValue(asked, 't') ?? 'node').split(',').sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const bad = types.find((type) => !['node', 'group', 'network'].includes(type));
  if (bad !== undefined) return `'${bad}' is not a valid object type for this command. Use node, group or network.`;
  if (types.includes('network') && (hasFlag(asked, 'f') || hasFlag(asked, 'r') || hasFlag(asked, 'u')))
    return "The '-f', '-r' and '-u' options are not valid for networks.";
  const named = [...(optionValue(asked, 'o') ?? '').split(',').filter((name) => name !== ''), ...operands];
  const everything = hasFlag(asked, 'a');
  if (!everything && named.length === 0) return 'Names are required: a noderange, -o, or -a for all.';
  const targets: Target[] = [];
  for (const type of types) {
    if (everything) targets.push({ type, names: objectNames(known, type) });
    else if (type === 'node') {
      const { nodes: found, missing } = expandNoderange(known, named.join(','), { verify: true, files: asked.files });
      if (missing.length > 0) return `Invalid nodes and/or groups in noderange: ${missing.join(',')}`;
      targets.push({ type, names: found });
    } else {
      const missing = named.find((name) => !known.has(type, name) && groupMembers(known, name).length === 0);
      if (missing !== undefined) return `Could not find an object named '${missing}' of type '${type}'.`;
      targets.push({ type, names: named });
    }
  }
  return targets;
}

type Run = (kind: string, on: Requirement, title: string, spec: Json) => void;

function nodes(
  asked: Asked,
  known: View,
  names: readonly string[],
  pairs: ReadonlyMap<string, string>,
  run: Run,
  refused: Effect[],
): void {
  const removing = hasFlag(asked, 'r');
  for (const { on, nodes: members } of mastersOf(known, names).values()) {
    const clients: NimClientSpec[] = [];
    const networks = new Map<string, NimNetwork>();
    for (const node of members) {
      const definition = removing
        ? { define: [], networks: [] }
        : clientDefinition(known, node, { type: 'standalone', overrides: pairs, master: masterName(asked, on) });
      const noMac =
        !removing &&
        (attribute(known, 'node', node, 'mac')?.value ?? '') === '' &&
        ![...pairs.keys()].some((key) => /^if\d+$/.test(key));
      if ('trouble' in definition) refused.push(complain(asked, definition.trouble));
      else if (noMac) refused.push(complain(asked, `Missing the MAC for node '${node}'.`));
      else {
        clients.push({ node, name: shortName(node), type: 'standalone', define: definition.define, attributes: [] });
        for (const network of definition.networks) networks.set(network.name, network);
      }
    }
    if (clients.length === 0) continue;
    const spec: NimClientsSpec = {
      action: removing ? 'remove' : hasFlag(asked, 'u') ? 'change' : 'define',
      clients,
      force: hasFlag(asked, 'f'),
      running: 'leave',
      networks: [...networks.values()],
      resources: [],
      syncRoots: [],
      prescripts: [],
      scriptAction: 'define',
    };
    run(
      nimKinds.clients,
      on,
      `${removing ? 'Remove' : 'Define'} NIM machines (${String(clients.length)})`,
      spec as unknown as Json,
    );
  }
}

function groups(asked: Asked, known: View, names: readonly string[]): NimGroupsSpec {
  return {
    action: hasFlag(asked, 'r') ? 'remove' : 'define',
    groups: names.map((name) => ({ name, members: groupMembers(known, name).map(shortName) })),
    force: hasFlag(asked, 'f') || hasFlag(asked, 'u'),
  };
}

function networks(asked: Asked, known: View, names: readonly string[]): NimNetworksSpec {
  const master = masterName(asked, nimMaster(known));
  return {
    networks: names.map((name) => {
      const network = networkNamed(known, name);
      return nimNetwork(known, network, networkKind(known, network), master);
    }),
  };
}
