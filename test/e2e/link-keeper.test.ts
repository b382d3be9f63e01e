// bound: 300 s
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keptPieceCodec, keptReportsCodec } from '../../shared/wire/definitions.ts';
import type { FromAgent__Output } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import { RelayLab, until } from '../tools/relay-lab.ts';

/*
 * The outbox of a relay over gRPC: with the hub cut off a node's reports lie at the relay, and outlive the node.
 */

let lab: RelayLab;

const shelf = (): string => join(lab.home('relay'), 'keeper');

function pieces(): string[] {
  if (!existsSync(shelf())) return [];
  return readdirSync(shelf(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** What the relay keeps, in order; each number once. */
function kept(): FromAgent__Output[] {
  const messages = pieces().flatMap((path) => {
    const { reports } = keptPieceCodec.decode(readFileSync(path));
    return keptReportsCodec.decode(reports).messages;
  });
  return [...new Map(messages.map((message) => [message.sequence, message])).values()];
}

const results = (): string[] =>
  kept().flatMap(({ result }) => (result === null || result === undefined ? [] : result.id));

/** Given, running, the cable pulled, all at their end, and every result at the relay. */
async function layDown(ids: readonly string[]): Promise<void> {
  await lab.give(ids, { lines: 3 });
  await until('the first runs', () => existsSync(join(lab.dir, 'runs')));
  lab.net.cable('hub', false);
  await until('the manager has noticed', lab.connected(0));
  // What is said into a connection that died unnoticed is nowhere.
  await until('and the node', () => lab.said('node').includes('no link to the manager'));
  lab.release();
  await until('the relay keeps every result', () => results().length === ids.length, 90);
}

/** Power off: the process, and all that a diskless node remembers. */
async function powerOff(): Promise<void> {
  await lab.kill('node');
  rmSync(lab.home('node'), { recursive: true, force: true });
}

const root = process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0;
const ids = ['off.0', 'off.1', 'off.2', 'off.3', 'off.4'];

describe.skipIf(!root)('the outbox of a relay, in three network namespaces (needs root and iproute2)', () => {
  beforeEach(async () => {
    lab = new RelayLab();
    await lab.start();
  });
  afterEach(async () => {
    spawnSync('umount', [shelf()], { stdio: 'ignore' });
    await lab.remove();
  });

  test('a node that is switched off while the hub is cut off has told everything, once and in order', async () => {
    await layDown(ids);
    for (const path of pieces()) expect(statSync(path).mode & 0o077).toBe(0);
    expect(statSync(shelf()).mode & 0o077).toBe(0);
    const order = results();
    expect([...order].sort()).toEqual(ids);
    // Its log comes with it: numbered, before its result.
    for (const id of ids) {
      const log = kept().flatMap((message) => (message.log?.id === id ? [message.log.text.toString()] : []));
      expect(log.join('')).toContain(`line 2 of ${id}`);
    }
    await powerOff();
    await lab.kill('relay');
    lab.startRelay();
    await until('the relay listens again', () => lab.said('relay').split('carries links').length > 2);
    expect(await lab.results()).toEqual([]);
    lab.net.cable('hub', true);
    await until('their reports', async () => (await lab.results()).length === ids.length);
    const told = await lab.results();
    expect(told.map(({ id }) => id)).toEqual(order);
    expect(told.every(({ end, agent }) => end.outcome === 'done' && agent === 'node')).toBe(true);
    await until('the relay has forgotten them', () => pieces().length === 0);
    expect(await lab.manager.ask({ ask: 'kept' })).toMatchObject({ refused: 0 });
  });

  test('a piece that somebody altered on the relay is refused, logged and counted', async () => {
    await layDown(ids);
    await powerOff();
    await lab.kill('relay');
    for (const path of pieces()) {
      const piece = keptPieceCodec.decode(readFileSync(path));
      const reports = keptReportsCodec.decode(piece.reports);
      for (const { result } of reports.messages) if (result) result.outcome = 'failed';
      writeFileSync(path, keptPieceCodec.encode({ ...piece, reports: keptReportsCodec.encode(reports) }));
    }
    const altered = pieces().length;
    lab.startRelay();
    lab.net.cable('hub', true);
    await until('the manager was asked about each', () => pieces().length === 0);
    const { applied, refused } = await lab.manager.ask<{ applied: number; refused: number }>({ ask: 'kept' });
    expect(applied + refused).toBe(altered);
    expect(refused).toBeGreaterThan(0);
    expect(await lab.results()).toEqual([]);
    const log = Object.keys(await lab.manager.ask<Record<string, number>>({ ask: 'log' })).join('\n');
    expect(log).toMatch(/warn: reports that a relay kept were refused: They are not what the agent 'node' signed/);
    expect(lab.said('relay')).toMatch(/reports were refused: They are not what the agent/);
  });

  test('a relay whose disk is full keeps nothing more; the node says so, keeps its own, and it arrives once', async () => {
    // Its processes see what was mounted before they began.
    await lab.kill('relay');
    mkdirSync(shelf(), { recursive: true });
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'tmpfs', shelf()]).status).toBe(0);
    writeFileSync(join(shelf(), '.full'), Buffer.alloc(4096));
    lab.startRelay();
    await until('all are back', lab.connected(2));
    await lab.give(ids, { lines: 3 });
    lab.net.cable('hub', false);
    await until('the manager has noticed', lab.connected(0));
    lab.release();
    await until(
      'the node says so',
      () => /The relay's disk is full: it keeps no more reports/.test(lab.said('node')),
      90,
    );
    lab.net.cable('hub', true);
    await until('their reports', async () => (await lab.results()).length === ids.length);
    expect([...(await lab.results()).map(({ id }) => id)].sort()).toEqual(ids);
  });
});
