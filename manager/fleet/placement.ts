import type { Requirement } from '../../shared/verb/effect.ts';
import { taskKindVersion } from './task-kinds.ts';
import type { Placement } from './types.ts';

/** What placement knows of an agent. */
export interface Candidate {
  readonly name: string;
  readonly incarnation: string;
  readonly roles: readonly string[];
  /** Connected, or expected back within seconds. */
  readonly present: boolean;
  readonly taskKinds: Readonly<Record<string, number>>;
  readonly arch: string;
  /** Architectures that it can run as a guest. */
  readonly emulates: readonly string[];
  /** Family and major release of its system (shared/distro/major.ts); empty: not known. */
  readonly release: string;
  readonly version: string;
  readonly openTasks: number;
}

/**
 * The agent for a task: of those that fit the one with the same architecture, else one that emulates it; of those the
 * one with the same release; then the one that is rather wanted, then the one with the least to do, then the first by
 * name.
 */
export function placeTask(wanted: Requirement, kind: string, candidates: readonly Candidate[]): Placement {
  const named = wanted.agent === undefined ? candidates : candidates.filter(({ name }) => name === wanted.agent);
  const withRole = named.filter(({ roles }) => wanted.role === undefined || roles.includes(wanted.role));
  const present = withRole.filter((agent) => agent.present);
  const capable = present.filter(({ taskKinds }) => (taskKinds[kind] ?? 0) >= taskKindVersion(kind));
  const fitting = capable.filter((agent) => archRank(wanted, agent) < archRanks.no);
  const [best] = [...fitting].sort(
    (a, b) =>
      archRank(wanted, a) - archRank(wanted, b) ||
      releaseRank(wanted, a) - releaseRank(wanted, b) ||
      Number(b.name === wanted.rather) - Number(a.name === wanted.rather) ||
      a.openTasks - b.openTasks ||
      (a.name < b.name ? -1 : 1),
  );
  if (best !== undefined) return { outcome: 'placed', agent: best.name, incarnation: best.incarnation };
  return { outcome: 'nobody', ...explain(wanted, kind, { all: candidates, named, withRole, present, capable }) };
}

const archRanks = { same: 0, emulated: 1, other: 2, no: 3 } as const;

function archRank({ arch, cross }: Requirement, agent: Candidate): number {
  if (arch === undefined || agent.arch === arch) return archRanks.same;
  if (cross !== true) return archRanks.no;
  return agent.emulates.includes(arch) ? archRanks.emulated : archRanks.other;
}

function releaseRank({ release }: Requirement, agent: Candidate): number {
  return release === undefined || agent.release === release ? 0 : 1;
}

interface Sieve {
  readonly all: readonly Candidate[];
  readonly named: readonly Candidate[];
  readonly withRole: readonly Candidate[];
  readonly present: readonly Candidate[];
  readonly capable: readonly Candidate[];
}

function explain(
  wanted: Requirement,
  kind: string,
  found: Sieve,
): { code: 'unavailable' | 'failed_precondition'; message: string } {
  const missing = (message: string) => ({ code: 'failed_precondition', message }) as const;
  if (wanted.agent !== undefined) {
    const agent = `the agent '${wanted.agent}'`;
    if (found.named.length === 0) return missing(`There is no agent '${wanted.agent}'. ${howToStart(wanted.role)}`);
    if (found.withRole.length === 0) {
      return missing(
        `The agent '${wanted.agent}' does not have the role '${wanted.role ?? ''}'. ${howToStart(wanted.role)}`,
      );
    }
    if (found.present.length === 0) {
      return {
        code: 'unavailable',
        message: `The agent '${wanted.agent}' is not connected. Start it, or look at its log.`,
      };
    }
    if (found.capable.length === 0) return missing(tooOld(agent, kind, found.present));
    return missing(`The agent '${wanted.agent}' runs on ${archOf(found.capable)}, not on ${wanted.arch ?? ''}.`);
  }
  const who = wanted.role === undefined ? 'agent is connected' : `connected agent has the role '${wanted.role}'`;
  if (found.present.length === 0) {
    const away = found.withRole.map(({ name }) => name);
    if (away.length > 0) {
      return {
        code: 'unavailable',
        message: `No ${who}: ${listed(away)} ${away.length === 1 ? 'is' : 'are'} away. Start one of them again. ${howToStart(wanted.role)}`,
      };
    }
    const others = found.all.filter(({ present }) => present).map(({ name, roles }) => `${name} (${roles.join(', ')})`);
    const there = others.length === 0 ? 'no agent is connected at all' : `connected are ${listed(others)}`;
    return missing(`No ${who}: ${there}. ${howToStart(wanted.role)}`);
  }
  if (found.capable.length === 0) {
    const agents = found.present.map(({ name }) => name);
    return missing(tooOld(`the agents with the role '${wanted.role ?? ''}' (${listed(agents)})`, kind, found.present));
  }
  return missing(
    `No connected agent with the role '${wanted.role ?? ''}' runs on ${wanted.arch ?? ''} (there is ${archOf(found.capable)}). ` +
      howToStart(wanted.role, wanted.arch),
  );
}

function howToStart(role: string | undefined, arch?: string): string {
  const where = arch === undefined ? '' : ` on a machine with ${arch}`;
  const roles = role === undefined ? 'ROLE' : role;
  return (
    `Start one${where} with: hostler-agent --home DIR --manager ADDRESS --token T ` +
    `(the token comes from: hostler agents token --roles ${roles}).`
  );
}

function tooOld(who: string, kind: string, agents: readonly Candidate[]): string {
  const versions = [...new Set(agents.map(({ version }) => version || 'unknown'))];
  return `${who.charAt(0).toUpperCase()}${who.slice(1)} cannot do '${kind}' tasks in version ${taskKindVersion(kind)} (agent version ${versions.join(', ')}). Upgrade.`;
}

function archOf(agents: readonly Candidate[]): string {
  return [...new Set(agents.map(({ arch }) => arch || 'an unknown architecture'))].join(', ');
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
