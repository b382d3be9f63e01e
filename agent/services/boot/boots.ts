import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeEvent, NodeTrouble } from '../../../shared/task/node-events.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { advance, claim, type BootRecord, type ClaimAnswer, type Sighting } from './boot-record.ts';
import { bootFolder } from './state.ts';

export type Report = (event: NodeEvent) => void;

/** Machines nobody knows are told about once in so long, and at most so many are remembered. */
const unknownEveryMilliseconds = 60_000;
const mostUnknown = 1000;
const longestReason = 1000;

/**
 * The boots of this server's nodes, one record a MAC, on disk (`<home>/boot/boots/`), so that a restarted agent knows
 * which boots were served and claimed. Calls for one MAC are put in order.
 */
export class Boots {
  readonly #folder: string;
  readonly #report: Report;
  readonly #log: (line: string) => void;
  readonly #records = new Map<string, BootRecord>();
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #unknown = new Map<string, number>();
  readonly #refusals = new Map<string, string>();

  constructor(home: string, report: Report, log: (line: string) => void) {
    this.#folder = join(bootFolder(home), 'boots');
    this.#report = report;
    this.#log = log;
  }

  /** Something was seen of a boot; it is reported when it is news. Never rejects: a full disk must not stop boots. */
  saw(
    of: { mac: string; node: string },
    sighting: Sighting,
    more: { bootId?: string; detail?: string } = {},
  ): Promise<void> {
    return this.#inOrder(of.mac, async () => {
      const now = Date.now();
      const { record, news } = advance(await this.#get(of.mac), of, sighting, now);
      await this.#keep(record, false).catch((error: unknown) => {
        this.#log(`boot service: the boot of ${of.node} is not on disk: ${String(error)}`);
      });
      if (!news) return;
      const stage = sighting.what === 'stage' ? sighting.stage : sighting.what;
      this.#report({ ...of, stage, at: now, bootId: more.bootId ?? '', detail: more.detail ?? '' });
    });
  }

  /** The claim is on disk before it is granted. */
  claim(of: { mac: string; node: string }, bootId: string): Promise<ClaimAnswer> {
    return this.#inOrder(of.mac, async () => {
      const record = await this.#get(of.mac);
      const known = record?.node === of.node ? record : undefined;
      const answer = claim(known, bootId, randomBytes(16).toString('hex'), Date.now());
      if (answer.outcome === 'granted' && answer.record !== record) await this.#keep(answer.record, true);
      return answer;
    });
  }

  /** Whether that token is the one of the boot that the machine is in. */
  holds(mac: string, token: string): Promise<boolean> {
    return this.#inOrder(mac, async () => (await this.#get(mac))?.claim?.token === token);
  }

  /** Whether that deploy was done on one of these cards' machine. */
  async installed(macs: readonly string[], deploy: string): Promise<boolean> {
    for (const mac of macs) {
      if (await this.#inOrder(mac, async () => (await this.#get(mac))?.installed === deploy)) return true;
    }
    return false;
  }

  /** The machine is installed; on disk before it is told, so that it is never wiped a second time. */
  finish(of: { mac: string; node: string }, deploy: string, bootId: string): Promise<void> {
    return this.#inOrder(of.mac, async () => {
      const record = await this.#get(of.mac);
      if (record === undefined) return;
      await this.#keep({ ...record, installed: deploy }, true);
      this.#report({ ...of, stage: 'installed', at: Date.now(), bootId, detail: '' });
    });
  }

  /** An installation begins to write to disks. Returns the last step of an earlier try of the same deploy. */
  begin(of: { mac: string; node: string }, deploy: string): Promise<string | undefined> {
    return this.#inOrder(of.mac, async () => {
      this.#refusals.delete(of.mac);
      const record = await this.#get(of.mac);
      if (record === undefined) return undefined;
      const before = record.attempt?.deploy === deploy ? record.attempt : undefined;
      await this.#keep({ ...record, attempt: { deploy, count: (before?.count ?? 0) + 1, step: 'beginning' } }, true);
      return before?.step;
    });
  }

  /** A step of an installation, remembered for the case that it is cut off there. */
  step(of: { mac: string; node: string }, text: string, bootId: string): Promise<void> {
    return this.#inOrder(of.mac, async () => {
      const record = await this.#get(of.mac);
      // What cannot be noted must not hold up the installation.
      if (record?.attempt !== undefined)
        await this.#keep({ ...record, attempt: { ...record.attempt, step: text } }, false).catch(() => undefined);
      this.progress(of, text, bootId);
    });
  }

  /** How far an installation is: one line for people, told as often as it comes. */
  progress(of: { mac: string; node: string }, detail: string, bootId: string): void {
    const count = this.#records.get(of.mac)?.attempt?.count ?? 1;
    const text = count > 1 ? `try ${count}: ${detail}` : detail;
    this.#report({ ...of, stage: 'installing', at: Date.now(), bootId, detail: text });
  }

  /** Why a machine is not installed, told once for as long as it is the same: it asks again and again. */
  refuse(of: { mac: string; node: string }, why: string, bootId: string): void {
    const words = `${bootId} ${why}`;
    if (this.#refusals.get(of.mac) === words) return;
    this.#refusals.set(of.mac, words);
    void this.saw(of, { what: 'failed' }, { bootId, detail: why.slice(0, longestReason) });
  }

  /** Which of a node's cards was seen last, since this process began. */
  latestOf(macs: readonly string[]): string | undefined {
    const records = macs.map((mac) => this.#records.get(mac)).filter((record) => record !== undefined);
    return records.sort((a, b) => b.seen - a.seen)[0]?.mac;
  }

  trouble(stage: NodeTrouble, of: { mac: string; node: string }, detail: string, bootId = ''): void {
    this.#report({ ...of, stage, at: Date.now(), bootId, detail });
  }

  /** A machine that no entry names asked for something; told once a minute. */
  unknown(mac: string, detail: string): void {
    const now = Date.now();
    if (now - (this.#unknown.get(mac) ?? 0) < unknownEveryMilliseconds) return;
    if (this.#unknown.size >= mostUnknown) this.#unknown.clear();
    this.#unknown.set(mac, now);
    this.trouble('unknown-node', { mac, node: '' }, detail);
  }

  async #get(mac: string): Promise<BootRecord | undefined> {
    const known = this.#records.get(mac);
    if (known) return known;
    try {
      const record: unknown = JSON.parse(await readFile(this.#file(mac), 'utf8'));
      return isRecord(record) ? record : undefined;
    } catch {
      return undefined; // never seen, or its first record was cut off: then nothing was granted on it
    }
  }

  async #keep(record: BootRecord, durable: boolean): Promise<void> {
    const file = this.#file(record.mac);
    // A grant must be on disk before it counts; a sighting counts whatever the disk says.
    if (!durable) this.#records.set(record.mac, record);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    if (durable) await replaceFile(file, JSON.stringify(record));
    else {
      await writeFile(`${file}.tmp`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${file}.tmp`, file);
    }
    this.#records.set(record.mac, record);
  }

  #file(mac: string): string {
    return join(this.#folder, mac.replaceAll(':', '-'));
  }

  async #inOrder<T>(mac: string, act: () => Promise<T>): Promise<T> {
    const turn = (this.#queues.get(mac) ?? Promise.resolve()).then(act, act);
    this.#queues.set(mac, turn);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(mac) === turn) this.#queues.delete(mac);
    }
  }
}

function isRecord(value: unknown): value is BootRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { mac, node, began, seen, stages } = value as Partial<Record<keyof BootRecord, unknown>>;
  return (
    typeof mac === 'string' &&
    typeof node === 'string' &&
    typeof began === 'number' &&
    typeof seen === 'number' &&
    Array.isArray(stages)
  );
}
