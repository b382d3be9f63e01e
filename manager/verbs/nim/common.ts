import { attribute, attributesOf } from '../../../shared/objects/index.ts';
import { hasFlag, type Asked } from '../../../shared/verb/asked.ts';
import type { Effect, Requirement } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';

/** NIM's own resource types that an osimage may name; each is an attribute of the osimage too. */
export const resourceTypes = [
  'bosinst_data',
  'dump',
  'fb_script',
  'home',
  'image_data',
  'installp_bundle',
  'lpp_source',
  'mksysb',
  'paging',
  'resolv_conf',
  'root',
  'script',
  'shared_home',
  'shared_root',
  'spot',
  'tmp',
] as const;

export type ResourceType = (typeof resourceTypes)[number];

/** Several resources of these types may be named, with commas between. */
export const listTypes: readonly string[] = ['script', 'installp_bundle'];

/** NIM work of the cluster goes to site.nimprime where that names an agent, else to whoever has the role. */
export function nimMaster(known: View): Requirement {
  const prime = site(known, 'nimprime');
  return prime === '' ? { role: 'nim' } : { role: 'nim', agent: prime };
}

/** Which of a node's service nodes: -p the first, -b the second, neither both. */
export type Servers = 'all' | 'primary' | 'backup';

export function serversOf(asked: Asked): Servers {
  return hasFlag(asked, 'p') ? 'primary' : hasFlag(asked, 'b') ? 'backup' : 'all';
}

/** Work on nodes goes to the NIM masters that serve them: their service nodes, else the prime. */
export function mastersOf(
  known: View,
  nodes: readonly string[],
  which: Servers = 'primary',
): Map<string, { on: Requirement; nodes: string[] }> {
  const masters = new Map<string, { on: Requirement; nodes: string[] }>();
  for (const node of nodes) {
    const all = (attribute(known, 'node', node, 'servicenode')?.value ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    const servers = which === 'backup' ? all.slice(1, 2) : all.slice(0, which === 'primary' ? 1 : 2);
    for (const server of all.length === 0 ? [''] : servers) {
      const entry = masters.get(server) ?? {
        on: server === '' ? nimMaster(known) : { role: 'nim', agent: server },
        nodes: [],
      };
      entry.nodes.push(node);
      masters.set(server, entry);
    }
  }
  return masters;
}

/** -V: the agent tells which NIM commands it ran. */
export function verbosely<Spec extends object>(asked: Asked, spec: Spec): Spec {
  return hasFlag(asked, 'verbose') ? { ...spec, verbose: true } : spec;
}

/** One build at a time for each server; whoever comes second waits. */
export function buildLock(on: Requirement): string {
  return `nim-build-${on.agent ?? 'prime'}`;
}

export function site(known: View, key: string): string {
  return attribute(known, 'site', 'clustersite', key)?.value ?? '';
}

/** Everything the osimage holds, by attribute. */
export function imageAttributes(known: View, image: string): Record<string, string> {
  return Object.fromEntries([...attributesOf(known, 'osimage', image)].map(([name, { value }]) => [name, value]));
}

export function isNimImage(known: View, image: string): boolean {
  return known.has('osimage', image) && imageAttributes(known, image)['imagetype'] === 'NIM';
}

/** NIM names cannot hold dots: the short host name. */
export function shortName(node: string): string {
  return node.split('.')[0] ?? node;
}

export function say(text: string): Effect {
  return { do: 'say', text: `${text}\n` };
}

export function complain(asked: Asked, text: string): Effect {
  return { do: 'say', text: `Error: [${asked.server}]: ${text}\n`, error: true };
}

/** Ends with errors; nothing was done. */
export function refuse(asked: Asked, texts: string | readonly string[], exit = 1): Step<null> {
  const all = typeof texts === 'string' ? [texts] : texts;
  return end(...all.map((text) => complain(asked, text)), { do: 'done', exit });
}

/** `attr=value` operands apart from the rest. `bad` is the first that is neither. */
export function splitPairs(operands: readonly string[]): { names: string[]; pairs: Map<string, string>; bad?: string } {
  const names: string[] = [];
  const pairs = new Map<string, string>();
  for (const operand of operands) {
    const at = operand.indexOf('=');
    if (at < 0) names.push(operand);
    else if (!/^[A-Za-z_][\w.-]*$/.test(operand.slice(0, at))) return { names, pairs, bad: operand };
    else pairs.set(operand.slice(0, at), operand.slice(at + 1));
  }
  return { names, pairs };
}

/** 1 to 39 letters, digits, - _ ! (NIM facts, section 1); the sentence for the user, or nothing. */
export function nameTrouble(name: string, what: string): string | undefined {
  if (/^[A-Za-z0-9_!-]{1,39}$/.test(name)) return undefined;
  if (name.length > 39)
    return `The name '${name}' of ${what} has ${String(name.length)} characters. NIM allows 39: choose a shorter image name.`;
  return `The name '${name}' of ${what} is not valid for NIM, which allows letters, digits, '-', '_' and '!' only (no dot).`;
}

/** Given to every definition where the site uses NFSv4 on AIX (NIM facts, section 9). */
export function nfsAttributes(known: View): [string, string][] {
  return site(known, 'useNFSv4onAIX').toLowerCase() === 'yes' ? [['nfs_vers', '4']] : [];
}
