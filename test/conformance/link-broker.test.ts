import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { which } from '../../shared/process/which.ts';
import { freePort, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { SimManager } from '../sim/manager.ts';

describe('a broker', () => {
  it('outlives a manager that was killed, and is taken over; another one in its place is told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-nats-'));
    const manager = await SimManager.start({ home: join(folder, 'm') });
    const listen = { host: '127.0.0.1', port: await freePort() };
    try {
      const first = await startBroker(manager, join(folder, 'nats'), { listen });
      const second = await startBroker(manager, join(folder, 'nats'), { listen });
      expect(second.pid()).toBe(first.pid());
      await expect(startBroker(manager, join(folder, 'elsewhere'), { listen })).rejects.toThrow(/else listens on/);
      await second.stop();
      await first.stop();
    } finally {
      await manager.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('that a manager had no time to note before it was killed is ended, and another one started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-nats-'));
    const manager = await SimManager.start({ home: join(folder, 'm') });
    const listen = { host: '127.0.0.1', port: await freePort() };
    try {
      await (await startBroker(manager, join(folder, 'nats'), { listen })).stop();
      const configuration = join(folder, 'nats', 'nats-server.conf');
      const stray = spawn(which('nats-server') ?? '', ['-c', configuration], { stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(stray, 'exit');
      let said = '';
      stray.stderr.on('data', (text: Buffer) => (said += text.toString()));
      await until('it listens', () => said.includes('Server is ready'));
      const next = await startBroker(manager, join(folder, 'nats'), { listen });
      await ended;
      expect(next.pid()).not.toBe(stray.pid);
      await next.stop();
    } finally {
      await manager.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
