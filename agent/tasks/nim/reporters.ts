import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../../shared/files/durable.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimClientSpec, NimClientsSpec } from '../../../shared/task/nim.ts';
import { aixPassword } from './aix-password.ts';

/** A machine that may speak for itself. Written by the task that set it up, read and kept by the agent's service. */
export interface Reporter {
  readonly node: string;
  /** NIM's name, which the machine gives as its own. */
  readonly name: string;
  /** Where its words come from; from elsewhere they are refused. */
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Crypted password of root, handed out once; absent: there is none, or it was. */
  readonly root?: string;
  /** When it first spoke since it was set up. */
  readonly spokeAt?: number;
}

/** Where the service listens: what the nodes were told. */
export interface ReportPlace {
  readonly hosts: readonly string[];
  readonly port: number;
}

/** `HOST:PORT` at which nodes reach this agent, where that is not what their master is called; `off`: they do not report. */
export const reportVariable = 'HOSTLER_NIM_REPORT';

export function reportOverride(): { readonly host: string; readonly port: number } | 'off' | undefined {
  const text = process.env[reportVariable] ?? '';
  if (text === '') return undefined;
  if (text === 'off') return 'off';
  const [, host, port] = /^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined)
    throw new HostlerError('invalid_argument', `${reportVariable} is "${text}". It must be HOST:PORT or "off".`);
  return { host: host.replaceAll(/[[\]]/g, ''), port: Number(port) };
}

const folderOf = (home: string): string => join(home, 'nim-nodes');
const fileOf = (home: string, name: string): string => join(folderOf(home), encodeURIComponent(name));
const placeFile = (home: string): string => join(home, 'nim-report.json');

/** Machines that were set up may report from now on; those taken out may not. */
export async function noteReporters(home: string, spec: NimClientsSpec, done: readonly string[]): Promise<void> {
  const finished = spec.clients.filter(({ node }) => done.includes(node));
  if (spec.action === 'remove' || spec.action === 'undiskless') {
    for (const { name } of finished) await rm(fileOf(home, name), { force: true });
    return;
  }
  if (spec.postscripts === undefined) return;
  const silent = reportOverride() === 'off';
  const told = new Map(spec.postscripts.nodes.map((one) => [one.name, one]));
  const hosts = new Set<string>();
  for (const client of finished) {
    const one = told.get(client.name);
    if (silent || one === undefined || one.reportTo === '' || one.address === '') {
      await rm(fileOf(home, client.name), { force: true });
      continue;
    }
    hosts.add(one.reportTo);
    await writeReporter(home, reporterOf(client, one.address, spec));
  }
  if (hosts.size > 0) await addPlace(home, [...hosts], spec.postscripts.reportPort);
}

function reporterOf(client: NimClientSpec, address: string, spec: NimClientsSpec): Reporter {
  const root = spec.action === 'install' && spec.rootPassword !== undefined ? aixPassword(spec.rootPassword) : '';
  const { node, name } = client;
  return { node, name, address, since: Date.now(), ...(root === '' ? {} : { root }) };
}

export async function writeReporter(home: string, reporter: Reporter): Promise<void> {
  await mkdir(folderOf(home), { recursive: true, mode: 0o700 });
  await replaceFile(fileOf(home, reporter.name), JSON.stringify(reporter), 0o600);
}

/** undefined: nobody set such a machine up. */
export async function readReporter(home: string, name: string): Promise<Reporter | undefined> {
  const value = (await readJson(fileOf(home, name))) as Partial<Reporter> | undefined;
  const { node, address, since } = value ?? {};
  if (typeof node !== 'string' || typeof address !== 'string' || typeof since !== 'number') return undefined;
  return { ...value, node, name, address, since };
}

async function addPlace(home: string, hosts: readonly string[], port: number): Promise<void> {
  const override = reportOverride();
  const before = await reportPlace(home);
  const all =
    override === undefined || override === 'off' ? [...new Set([...(before?.hosts ?? []), ...hosts])] : [override.host];
  const place: ReportPlace = { hosts: all, port: typeof override === 'object' ? override.port : port };
  if (JSON.stringify(place) !== JSON.stringify(before))
    await replaceFile(placeFile(home), JSON.stringify(place), 0o600);
}

export async function reportPlace(home: string): Promise<ReportPlace | undefined> {
  const { hosts, port } = ((await readJson(placeFile(home))) ?? {}) as Partial<ReportPlace>;
  return Array.isArray(hosts) && typeof port === 'number' ? { hosts, port } : undefined;
}

/** undefined: not there, or not ours. A file is replaced whole: half of one cannot be. */
async function readJson(file: string): Promise<object | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw HostlerError.from(cause);
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
