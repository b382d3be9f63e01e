import { join } from 'node:path';
import type { TlsIdentity } from '../../shared/identity/tls.ts';
import type { NodeEvent } from '../../shared/task/node-events.ts';
import { shareFolder } from '../tasks/media/lists.ts';
import { joinCapture } from '../store/captures.ts';
import { Upstream } from '../store/upstream.ts';
import { StoreServer, type Address } from '../store/server.ts';
import { BootService } from './boot/service.ts';
import { openNimServices } from './nim/index.ts';

/** What the long-lived services of an agent need of it. */
export interface ServicesContext {
  /** Agent name. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly home: string;
  readonly installDir: string;
  readonly tftpDir: string;
  /** Current key and certificate; asked again after `renewed`. */
  readonly identity: () => TlsIdentity;
  /** Where the store also listens on TCP, besides the boot service's address (`--serve HOST:PORT`). */
  readonly serve: readonly Address[];
  /** Where it is a relay; absent: it is none. */
  readonly relay?: readonly Address[];
  /** Goes to the manager over the link. Must not throw. */
  readonly report: (event: NodeEvent) => void;
  readonly log: (line: string) => void;
}

export interface Services {
  /** For facts.store: `unix:PATH` first, then `https://HOST:PORT`; changes when a boot configuration is applied. */
  storeEndpoints(): readonly string[];
  /** Where the nodes that it boots find this machine; changes as the store's do. */
  bootAddresses(): readonly string[];
  /** The agent has a new certificate. */
  renewed(): void;
  stop(): Promise<void>;
}

/**
 * Starts what the roles ask for: `store`, `boot` and `nim`. A boot server has a store of its own, since nodes load from
 * it. Other roles need nothing that runs all the time.
 */
export async function startServices(context: ServicesContext): Promise<Services> {
  const nim = context.roles.includes('nim') ? openNimServices(context) : undefined;
  const services = await startServers(context);
  nim?.start();
  return {
    ...services,
    renewed: () => {
      nim?.renewed();
      services.renewed();
    },
    stop: async () => {
      await nim?.stop();
      await services.stop();
    },
  };
}

/** Empty where this program runs without one. */
function shareOfProduct(): string {
  try {
    return shareFolder();
  } catch {
    return '';
  }
}

async function startServers(context: ServicesContext): Promise<Services> {
  const isBoot = context.roles.includes('boot');
  if (!isBoot && !context.roles.includes('store')) {
    return {
      storeEndpoints: () => [],
      bootAddresses: () => [],
      renewed: () => undefined,
      stop: async () => undefined,
    };
  }
  let boot: BootService | undefined;
  const store = new StoreServer({
    home: context.home,
    installDir: context.installDir,
    share: shareOfProduct(),
    upstream: new Upstream({
      folder: join(context.home, 'upstream'),
      access: () => boot?.upstream(),
      identity: context.identity,
      log: context.log,
    }),
    identity: context.identity,
    log: context.log,
    upgrade: (request, socket, head, peer) => joinCapture(context.home, request, socket, head, peer),
    extra: async (request, response, peer) => (await boot?.route(request, response, peer)) ?? false,
  });
  try {
    await store.listenUnix();
    await store.listenTcp(context.serve);
    await store.blobs.sweep(Date.now() - 86_400_000);
    if (isBoot) {
      boot = new BootService({
        ...context,
        blobs: store.blobs,
        listenSecure: (addresses) => store.listenTcp([...context.serve, ...addresses]),
      });
      await boot.start();
    }
  } catch (error) {
    await boot?.stop();
    await store.stop();
    throw error;
  }
  return {
    storeEndpoints: () => store.endpoints(),
    bootAddresses: () => boot?.addresses() ?? [],
    renewed: () => store.renew(),
    stop: async () => {
      await boot?.stop();
      await store.stop();
    },
  };
}
