// bound: 1400 s
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Outbox } from '../../agent/link/outbox.ts';
import { which } from '../../shared/process/which.ts';
import { HubAndRelay, reporters, until, workers } from '../tools/hub-and-relay.ts';

/*
 * Three minutes, by the clock on the wall, without what stands between agents and manager: killed, and kept from coming back.
 * Tasks end meanwhile, reports pile up, and what is behind the relay is switched off before anybody is back.
 */

const away = 180;
/** All has to be back and applied within so many seconds after that; pauses between attempts have grown to half a minute by then. */
const back = 150;
const tasks = 6;

type Gone = 'the broker' | 'broker and manager' | 'the manager';

function answers(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((yes) => {
    socket.destroy();
    return yes === true;
  });
}

/** How many of its tasks have left their line. */
function begun(runs: string, agent: string): number {
  const lines = existsSync(runs) ? readFileSync(runs, 'utf8').split('\n') : [];
  return lines.filter((line) => line.startsWith(`${agent}.`)).length;
}

/** Kills it, and keeps whoever looks after it from starting it again. */
async function take(lab: HubAndRelay, gone: Gone): Promise<() => Promise<void>> {
  const file = join(lab.home, 'broker', 'nats-server.conf');
  const withBroker = gone !== 'the manager';
  if (withBroker) renameSync(file, `${file}.away`);
  if (withBroker) await lab.killBroker();
  if (gone !== 'the broker') await lab.manager.kill();
  const outside = lab.broker ?? lab.manager.address;
  await until('nobody answers', async () => !(await answers(outside)), 20);
  return async () => {
    if (withBroker) renameSync(`${file}.away`, file);
    if (gone !== 'the broker') await lab.manager.up();
  };
}

test.for([
  ['nats', 'the broker'],
  ['nats', 'broker and manager'],
  ['grpc', 'the manager'],
] as const)('over %s, %s away for three minutes', { timeout: 460_000 }, async ([link, gone], context) => {
  if (link === 'nats' && which('nats-server') === undefined) context.skip('nats-server is not installed');
  const lab = await HubAndRelay.start({ link, pause: 200 });
  try {
    const flag = join(lab.dir, 'go');
    const given = workers.flatMap((agent) =>
      Array.from({ length: tasks }, (_, at) => ({ agent, id: `${agent}.${at}` })),
    );
    await lab.give(given.map((task) => ({ ...task, spec: { lines: 2, until: flag } })));
    const runs = join(lab.dir, 'runs');
    // An agent runs a few at a time; the others wait in its spool.
    await until('tasks run', async () => workers.every((agent) => begun(runs, agent) > 0), 60);
    await until('some reports', async () => reporters.every((name) => lab.told(name) > 20), 60);

    const giveBack = await take(lab, gone);
    const before = new Map(reporters.map((name) => [name, lab.told(name)]));
    const began = Date.now();
    const passed = (): number => (Date.now() - began) / 1000;
    const outside = lab.broker ?? lab.manager.address;
    let answered = 0;
    while (passed() < away) {
      if (await answers(outside)) answered++;
      if (passed() > away / 4 && !existsSync(flag)) writeFileSync(flag, '');
      // Halfway one that keeps reports dies as well.
      if (passed() > away / 2 && !existsSync(`${flag}.leaf`)) {
        writeFileSync(`${flag}.leaf`, '');
        if (link === 'nats') lab.killLeaf();
      }
      if (passed() > away - 30) lab.enough('far-boot');
      await delay(1_000);
    }
    expect(answered, 'nobody was there').toBe(0);
    // A manager that is there hears of what is behind the relay by the relay's keeper, when the leaf node died as well.
    const unheard = gone === 'the broker' ? /^near\./ : /./;
    expect(
      (await lab.ended()).filter((id) => unheard.test(id)),
      'nobody could have told',
    ).toEqual([]);
    for (const agent of workers) expect(begun(runs, agent), `tasks of ${agent} went on`).toBe(tasks);
    // The node behind the relay is switched off; what it said lies there.
    await lab.agents.get('far-boot')?.kill();
    const outbox = await Outbox.open(join(lab.dir, 'far-boot', 'outbox'), 'life-far-boot');
    const last = outbox.last;
    await outbox.close();
    for (const [name, count] of before)
      expect(lab.told(name), `reports of ${name} meanwhile`).toBeGreaterThan(count + 200);

    const returned = Date.now();
    await giveBack();
    const story = await lab.settle(back, new Map([['far-boot', last]]));
    const seconds = Math.round((Date.now() - returned) / 1000);
    process.stdout.write(
      `${link}, ${gone} away ${String(away)} s: ${String(story.reports)} reports and ${String(story.asked)} ends, all there after ${String(seconds)} s\n`,
    );
    expect(story.faults).toEqual([]);
    expect(story.asked).toBe(given.length);
    // The relay and those that work; one reporter is gone, the other has said all.
    await lab.connected(3, back);
  } finally {
    await lab.stop();
  }
});
