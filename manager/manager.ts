import type { Metadata } from '@grpc/grpc-js';
import { hostname } from 'node:os';
import { HostlerError } from '../shared/errors/error.ts';
import { type Logger, openLog } from '../shared/log/log.ts';
import { initialObjects } from '../shared/objects/initial.ts';
import { isSecret } from '../shared/schema/index.ts';
import { programVersion } from '../shared/text/version.ts';
import { proofHeader } from '../shared/wire/proof.ts';
import type { Caller } from './api/policy.ts';
import { redeemProof, sweepProofs } from './api/proof.ts';
import { openApiServer } from './api/server.ts';
import { ApiService } from './api/service.ts';
import { userName } from './api/users.ts';
import type { ManagerOptions } from './arguments.ts';
import { prepareBroker } from './broker/open.ts';
import { createFleet } from './fleet/fleet.ts';
import { openGrpcLink } from './fleet/links/grpc.ts';
import { openListener } from './fleet/listener.ts';
import { openImageKey } from './image-key.ts';
import { homePaths, leaveHome, prepareHome, takeHome } from './home.ts';
import { openJobs } from './jobs/engine.ts';
import { openRegistry } from './registry/registry.ts';
import type { Registry } from './registry/types.ts';
import { verbs } from './verbs/index.ts';

/** Milliseconds that calls under way get when the manager stops. */
const goodbye = 2_000;
const sweepEvery = 600_000;

export interface RunningManager {
  /** The TCP port, where there is one. */
  readonly port: number | undefined;
  readonly revision: number;
  readonly log: Logger;
  /** A join token for the agent on this machine. */
  agentToken(roles: readonly string[], name: string): Promise<string>;
  /** Orderly: what was acknowledged is on the disk. Tasks go on. */
  close(): Promise<void>;
}

/** What has been opened, to be closed in the reverse order. */
class Opened {
  readonly #closers: (() => Promise<unknown> | undefined)[] = [];

  add(close: () => Promise<unknown> | undefined): void {
    this.#closers.unshift(close);
  }

  async close(): Promise<void> {
    for (let close = this.#closers.shift(); close !== undefined; close = this.#closers.shift()) await close();
  }
}

/** Puts the rooms together. `fatal` is called when the process must end at once; it must not return. */
export async function openManager(
  options: ManagerOptions,
  fatal: (error: HostlerError) => void,
): Promise<RunningManager> {
  const opened = new Opened();
  try {
    return await open(options, opened, fatal);
  } catch (thrown) {
    await opened.close();
    throw thrown;
  }
}

async function open(
  options: ManagerOptions,
  opened: Opened,
  fatal: (error: HostlerError) => void,
): Promise<RunningManager> {
  const { home, folders } = options;
  const paths = homePaths(home);
  await prepareHome(home);
  const store = await takeHome(home);
  opened.add(async () => leaveHome(home));
  const log = openLog({ file: paths.log, level: options.logLevel, program: 'hostler-manager' });
  const registry = await openRegistry(store);
  opened.add(() => registry.close());
  const server = shortHostName();
  await populate(registry, options, server);

  const version = programVersion();
  const broker = options.nats === undefined ? undefined : await prepareBroker(options.nats, options, log);
  opened.add(async () => broker?.close());
  const fleet = await createFleet({ registry, home, log, version, ...(broker !== undefined && { broker }) });
  opened.add(() => fleet.close());
  const imageKey = await openImageKey(home);
  const jobs = await openJobs({
    registry,
    fleet,
    verbs,
    server,
    folders,
    log,
    isSecret,
    sign: (text) => imageKey.sign(text),
    fatal,
  });
  opened.add(() => jobs.close());

  const startedAt = Date.now();
  const status = (): object => ({
    version,
    server,
    revision: registry.view.revision,
    startedAt,
    agentsConnected: fleet.admin.connected(),
    jobsRunning: jobs.running(),
    home,
    memoryBytes: process.memoryUsage.rss(),
    caFingerprint: fleet.admin.authority,
  });
  const owner = process.getuid?.() ?? 0;
  const identify = (metadata: Metadata): Promise<Caller> => identifyCaller(home, metadata);
  const api = openApiServer(
    new ApiService({ registry, jobs, fleet: fleet.admin, log, isSecret, identify, owner, status }),
  );
  await broker?.open(fleet);
  const link = openGrpcLink(fleet, log);
  const listening = await openListener(
    { socketPath: paths.socket, ...(options.listen !== undefined && { tcp: options.listen }) },
    {
      identity: () => fleet.authority.issueManager(),
      onTls: (socket) => link.accept(socket),
      onPlain: (socket) => api.accept(socket),
      log,
    },
  );
  // For verbs that set up boot servers: where nodes reach the manager, and what they pin its certificates to.
  const { listen } = options;
  registry.observe('manager', 'self', {
    'manager.authority': fleet.admin.authority,
    'manager.imagekey': imageKey.publicKey,
    'manager.listen': listen === undefined ? null : `${listen.host}:${listening.port ?? listen.port}`,
  });
  opened.add(() => listening.close());
  opened.add(async () => link.close());
  // Before its connections go: answers under way may end.
  opened.add(() => api.close(goodbye));
  const sweep = setInterval(() => void sweepProofs(home, Date.now()).catch(() => undefined), sweepEvery).unref();
  opened.add(async () => clearInterval(sweep));
  log.info({ home, version, revision: registry.view.revision, listen: options.listen }, 'ready');
  return {
    port: listening.port,
    revision: registry.view.revision,
    log,
    agentToken: async (roles, name) =>
      (await fleet.admin.createToken({ roles, name, lifetime: 600, uses: 1, approval: false })).token,
    close: () => opened.close(),
  };
}

export function shortHostName(): string {
  return hostname().split('.')[0]?.toLowerCase() ?? 'localhost';
}

/** Who calls on the socket: the owner of the proof that came with the call. */
async function identifyCaller(home: string, metadata: Metadata): Promise<Caller> {
  const [token] = metadata.get(proofHeader);
  if (typeof token !== 'string') {
    throw new HostlerError(
      'unauthenticated',
      'The call carries no proof of a user id. Use the hostler command of this version.',
    );
  }
  const uid = await redeemProof(home, token, Date.now());
  return { uid, name: userName(uid) };
}

/** A fresh registry begins with what every cluster has: revision 1. */
async function populate(registry: Registry, { folders }: ManagerOptions, server: string): Promise<void> {
  if (registry.view.revision > 0) return;
  const changes = initialObjects({
    server,
    master: server,
    installDir: folders.install,
    tftpDir: folders.tftp,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  });
  const info = { user: 'hostler', command: 'first start', correlation: 'first-start', at: Date.now() };
  await registry.commit(info, changes);
}
