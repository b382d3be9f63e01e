import { createServer } from 'node:net';
import { mkdir } from 'node:fs/promises';
import { leafPort } from '../../shared/broker/address.ts';
import { Broker, type BrokerOptions } from '../../shared/broker/server.ts';
import { type LogLine, type SimManager, collectLog } from './manager.ts';

/** What kept reports may take in a simulated broker, in bytes. */
export const simKeeps = 64 * 1024 * 1024;

export interface SimBroker {
  /** HOST:PORT */
  readonly address: string;
  readonly port: number;
  readonly lines: readonly LogLine[];
  /** Of the nats-server that runs now; it is started again when it dies. */
  readonly pid: () => number;
  /** A new certificate. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

/** A real nats-server on loopback that trusts this manager, with everything of it in the folder. */
export async function startBroker(
  manager: SimManager,
  folder: string,
  more: Partial<BrokerOptions> = {},
): Promise<SimBroker> {
  await mkdir(folder, { recursive: true });
  const lines: LogLine[] = [];
  const port = more.listen?.port ?? (await freePort());
  const broker = await Broker.start({
    folder,
    listen: { host: '127.0.0.1', port },
    trust: await manager.nats.trust(),
    says: manager.nats.says,
    grows: true,
    mostBytes: simKeeps,
    identity: () => manager.fleet.authority.issueBroker(),
    log: collectLog(lines),
    ...more,
  });
  return {
    address: `127.0.0.1:${port}`,
    port,
    lines,
    pid: () => broker.pid,
    renew: () => broker.renew(),
    stop: () => broker.stop(),
  };
}

/** The same for a broker that has a door for leaf nodes beside it. */
export async function freeBrokerPort(): Promise<number> {
  for (let attempts = 0; attempts < 20; attempts++) {
    const port = await freePort();
    const beside = await freePort(leafPort(port)).catch(() => 0);
    if (beside !== 0) return port;
  }
  throw new Error('no two ports are free');
}

/** A TCP port of loopback that nobody has now; or that one, which rejects when somebody has it. */
export function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
