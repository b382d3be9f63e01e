import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkNode, checkProfiles, checkService } from '../../../shared/boot/check.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { BootApplySpec, BootNode, BootProfile, BootServiceConfig } from '../../../shared/task/boot-apply.ts';
import { replaceFile } from '../../../shared/files/durable.ts';

/** What this boot server is to serve: one file, replaced whole, so that it is never half of one nodeset. */
export interface BootState {
  /** Counts up with every change. */
  readonly generation: number;
  readonly service: BootServiceConfig;
  readonly nodes: Readonly<Record<string, BootNode>>;
  /** By their content, so that those of several changes live side by side; only those in use. */
  readonly profiles: Readonly<Record<string, BootProfile>>;
  /** Files that nodes may still be loading although no entry names them any more: digest to when that ends. */
  readonly retired: Readonly<Record<string, number>>;
}

/** What became of a generation in the running service. */
export interface Applied {
  readonly generation: number;
  /** Why it is not served (yet); absent: it is. */
  readonly problem?: string;
}

/** How long a boot that began before a nodeset may go on loading the earlier files. */
const retiredMilliseconds = 3_600_000;

export const bootFolder = (home: string): string => join(home, 'boot');
export const stateFile = (home: string): string => join(bootFolder(home), 'service.json');
export const appliedFile = (home: string): string => join(bootFolder(home), 'applied.json');
export const lockFile = (home: string): string => join(bootFolder(home), 'lock');

/** Pure: the next state. A MAC or an address that another node held goes to the newcomer; `notes` say so. */
export function merge(
  before: BootState | undefined,
  spec: BootApplySpec,
  now: number,
): { state: BootState; notes: string[] } {
  const notes: string[] = [];
  const nodes = new Map<string, BootNode>(spec.allNodes ? [] : Object.entries(before?.nodes ?? {}));
  const fresh = new Map<string, BootNode>();
  for (const [name, node] of Object.entries(spec.nodes)) {
    nodes.delete(name);
    const profile = node && spec.profiles[node.profile];
    if (profile) fresh.set(name, { ...node, profile: keyOf(profile) });
  }
  const macs = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const [name, node] of fresh) {
    for (const [value, owners] of [...node.macs.map((mac) => [mac, macs] as const), [node.ip, addresses] as const]) {
      const owner = owners.get(value);
      if (owner !== undefined) {
        throw new HostlerError('invalid_argument', `${owner} and ${name} both have ${value}. Give each its own.`);
      }
      owners.set(value, name);
    }
  }
  for (const [name, node] of nodes) {
    const kept = node.macs.filter((mac) => !macs.has(mac));
    const taker = addresses.get(node.ip) ?? (kept.length === 0 ? macs.get(node.macs[0] ?? '') : undefined);
    if (taker !== undefined) {
      nodes.delete(name);
      notes.push(`${name} is not served any more: ${taker} has its address or MAC now`);
    } else if (kept.length < node.macs.length) nodes.set(name, { ...node, macs: kept });
  }
  for (const [name, node] of fresh) nodes.set(name, node);
  const offered = { ...before?.profiles, ...byContent(spec.profiles) };
  const used = new Set([...nodes.values()].map(({ profile }) => profile));
  const profiles = Object.fromEntries(Object.entries(offered).filter(([key]) => used.has(key)));
  const current = filesOf(profiles);
  const retired = Object.entries(before?.retired ?? {}).filter(([, until]) => until > now);
  const until = now + retiredMilliseconds;
  const leaving = [...filesOf(before?.profiles ?? {})].map((digest) => [digest, until] as const);
  return {
    state: {
      generation: (before?.generation ?? 0) + 1,
      service: spec.service,
      nodes: Object.fromEntries(nodes),
      profiles,
      retired: Object.fromEntries([...retired, ...leaving].filter(([digest]) => !current.has(digest))),
    },
    notes,
  };
}

function keyOf(profile: BootProfile): string {
  return createHash('sha256').update(JSON.stringify(profile)).digest('hex').slice(0, 24);
}

function byContent(profiles: Readonly<Record<string, BootProfile>>): Record<string, BootProfile> {
  return Object.fromEntries(Object.values(profiles).map((profile) => [keyOf(profile), profile]));
}

/** The digests that nodes load over plain HTTP. */
export function filesOf(profiles: Readonly<Record<string, BootProfile>>): Set<string> {
  const named = Object.values(profiles).flatMap(({ kernel, initrd, image }) => [kernel, initrd, image]);
  return new Set(named.filter((digest) => digest !== undefined));
}

/** Undefined when nothing was ever applied. What is read is checked as what comes from the manager is. */
export async function readState(home: string): Promise<BootState | undefined> {
  const value = await readJson(stateFile(home));
  if (value === undefined) return undefined;
  const { generation, service, nodes, profiles, retired } = value as Partial<Record<keyof BootState, unknown>>;
  if (typeof generation !== 'number' || typeof nodes !== 'object' || nodes === null) {
    throw new HostlerError('data_loss', `${stateFile(home)} is not a boot server's state. Run nodeset again.`);
  }
  const known = checkProfiles(profiles);
  return {
    generation,
    service: checkService(service),
    profiles: known,
    nodes: Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, checkNode(name, node, known)])),
    retired: numbers(retired),
  };
}

export async function writeState(home: string, state: BootState): Promise<void> {
  await mkdir(bootFolder(home), { recursive: true, mode: 0o700 });
  await replaceFile(stateFile(home), JSON.stringify(state));
}

export async function readApplied(home: string): Promise<Applied | undefined> {
  const value = await readJson(appliedFile(home)).catch(() => undefined);
  const { generation, problem } = (value ?? {}) as Partial<Record<keyof Applied, unknown>>;
  if (typeof generation !== 'number') return undefined;
  return { generation, ...(typeof problem === 'string' && { problem }) };
}

async function readJson(file: string): Promise<object | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null ? value : undefined;
}

function numbers(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}
