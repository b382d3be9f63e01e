import { SimManager } from './manager.ts';
import { openDiskStore } from '../../manager/registry/disk-store.ts';
import { openRegistry } from '../../manager/registry/registry.ts';

/**
 * A manager with nothing but a fleet, in a process of its own, for measurements: `manager-process.ts HOME`. Speaks over
 * the channel of child_process.fork: first `{ address, token }`; then each message `{ ask: 'memory' | 'connected' | 'cpu' |
 * 'round' | 'stop' }` is answered. `round` gives every connected agent one task and answers when all are done.
 */
const [home = ''] = process.argv.slice(2);
const registry = await openRegistry(await openDiskStore(`${home}/db`));
const manager = await SimManager.start({
  home,
  registry,
  tcp: { host: '127.0.0.1', port: 0 },
  shortestHeartbeat: 2_000,
});
const token = await manager.token({ uses: 100_000, lifetime: 24 * 3600 });
let rounds = 0;

async function round(): Promise<{ milliseconds: number; tasks: number }> {
  const job = `round${rounds++}`;
  const before = manager.engine.applied.length;
  const agents = manager.fleet.admin.agents().filter(({ state }) => state === 'connected');
  const began = performance.now();
  for (const { name = '', incarnation = '' } of agents) {
    manager.fleet.send(name, incarnation, {
      id: `${job}.${name}`,
      kind: 'sim',
      spec: JSON.stringify({ command: 'true' }),
      deadline: 60,
      uninterruptible: false,
      correlation: job,
      title: 'true',
    });
  }
  await manager.engine.until('all are done', () => manager.engine.applied.length - before === agents.length, 120_000);
  return { milliseconds: performance.now() - began, tasks: agents.length };
}

async function answer(ask: string): Promise<unknown> {
  if (ask === 'memory') {
    globalThis.gc?.();
    return process.memoryUsage();
  }
  if (ask === 'connected') return manager.fleet.admin.connected();
  if (ask === 'cpu') return process.cpuUsage();
  if (ask === 'round') return round();
  await manager.stop();
  return 'stopped';
}

process.on('message', (message: { readonly ask: string }) => {
  void answer(message.ask).then((value) => {
    process.send?.({ ask: message.ask, value });
    if (message.ask === 'stop') process.disconnect();
  });
});
process.send?.({ address: manager.address, token });
