// bound: 240 s
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { which } from '../../shared/process/which.ts';
import type { LeafLook } from '../tools/leaf-look.ts';
import { RelayLab, resultsInOutbox, until } from '../tools/relay-lab.ts';

/*
 * A relay's leaf node, on real nats-servers: hub - relay - node as three network namespaces, where the node reaches the relay
 * and nothing else. What the leaf holds is asked of the leaf itself.
 */

const root = process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0;
const able = root && which('nats-server') !== undefined;

describe.skipIf(!able)("a relay's leaf node, in three network namespaces (needs root, iproute2, nats-server)", () => {
  let lab: RelayLab;

  beforeEach(async () => {
    lab = new RelayLab('nats');
    await lab.start();
    expect(await lab.manager.ask({ ask: 'links' })).toEqual({ nats: 2 });
  });
  afterEach(() => lab.remove());

  /** Asked in the relay's own namespace: the hub may be cut off. */
  function look(): LeafLook {
    const [program, ...under] = lab.net.under('relay');
    const script = fileURLToPath(new URL('../tools/leaf-look.ts', import.meta.url));
    const argv = [...under, process.execPath, '--import', 'tsx', script, join(lab.dir, 'm'), 'relay', '10.91.1.1:4333'];
    const { stdout, stderr, status } = spawnSync(program, argv, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) throw new Error(`cannot look at the leaf: ${stderr}`);
    return JSON.parse(stdout) as LeafLook;
  }

  const resultsIn = ({ pieces }: LeafLook): string[] => pieces.flatMap(({ results }) => results);

  /** The tasks have ended, with the hub cut off, and the leaf has their reports; returns them in order. */
  async function waitingInLeaf(ids: readonly string[]): Promise<string[]> {
    lab.release();
    await until(
      'all have ended where nobody hears of it',
      () => resultsInOutbox(lab.home('node')).length === ids.length,
    );
    await until('the leaf has their reports', () => new Set(resultsIn(look())).size === ids.length);
    expect(await lab.results()).toEqual([]);
    return resultsInOutbox(lab.home('node'));
  }

  const ids = (job: string): string[] => Array.from({ length: 5 }, (_, number) => `${job}.${number}`);

  test('the hub is cut off, the node ends its tasks and is switched off, and its reports arrive once', async () => {
    const before = look();
    expect(before).toMatchObject({ toHub: 1, connections: [{ name: 'node' }] });
    const given = ids('cut');
    await lab.give(given, { lines: 3 });
    lab.net.cable('hub', false);
    await until('the manager has noticed', lab.connected(0));
    const order = await waitingInLeaf(given);
    // It never lost its broker, which is the leaf.
    const cut = look();
    expect(cut.connections).toEqual(before.connections);
    // Each in a row after the one before, though a report may lie there twice.
    const sequences = cut.pieces.flatMap(({ sequences: some }) => some);
    expect(sequences).toEqual([...sequences].sort((one, other) => one - other));
    expect([...new Set(resultsIn(cut))]).toEqual(order);
    await lab.kill('node');
    rmSync(join(lab.home('node'), 'outbox'), { recursive: true });
    lab.net.cable('hub', true);
    await until('their reports, from a node that is off', async () => (await lab.results()).length === 5);
    const told = await lab.results();
    expect(told.map(({ id }) => id)).toEqual(order);
    expect(told.every(({ end, agent }) => end.outcome === 'done' && agent === 'node')).toBe(true);
    await until('the leaf has nothing more', () => look().pieces.length === 0);
    expect(look().toHub).toBe(1);
    await until('the relay is back', lab.connected(1));
    expect((await lab.results()).length).toBe(5);
  });

  test('what it keeps outlives kill -9, of the leaf and of the agent that looks after it', async () => {
    const given = ids('kill');
    await lab.give(given);
    lab.net.cable('hub', false);
    await until('the manager has noticed', lab.connected(0));
    const order = await waitingInLeaf(given);
    const first = lab.leafPid();
    process.kill(first, 'SIGKILL');
    await until('it was started again', () => lab.leafPid() !== first && lab.leafPid() > 0);
    await until('and the node is back at it', () => {
      try {
        return look().connections.length === 1;
      } catch {
        return false;
      }
    });
    expect([...new Set(resultsIn(look()))]).toEqual(order);
    const { connections } = look();
    const second = lab.leafPid();
    await lab.kill('relay');
    expect(look().connections).toEqual(connections);
    lab.startRelay();
    await lab.kill('node');
    lab.net.cable('hub', true);
    await until('their reports', async () => (await lab.results()).length === 5);
    expect((await lab.results()).map(({ id }) => id)).toEqual(order);
    // The same nats-server: the agent that came again took it over.
    expect(lab.leafPid()).toBe(second);
  });

  test('a restart of the manager does not cost the node its connection; nothing secret is for others to read', async () => {
    const { connections } = look();
    expect(connections).toHaveLength(1);
    await lab.give(['up.1']);
    await lab.manager.kill();
    lab.release();
    await until('it has ended', () => resultsInOutbox(lab.home('node')).length === 1);
    await lab.manager.up();
    await until('both are back', lab.connected(2));
    await until('the report', async () => (await lab.results()).length === 1);
    expect(look().connections).toEqual(connections);
    const folder = join(lab.home('relay'), 'leaf');
    expect(statSync(folder).mode & 0o077).toBe(0);
    for (const file of ['server.key', 'leaf.creds', 'nats-server.conf', 'nats-server.log']) {
      expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
    }
    expect(readFileSync(join(folder, 'nats-server.log'), 'utf8')).not.toMatch(/SEED|PRIVATE KEY/);
  });
});
