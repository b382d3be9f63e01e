import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lifetimes } from '../../manager/fleet/authority/authority.ts';
import { type FleetRoom, createFleet } from '../../manager/fleet/fleet.ts';
import { NatsAuthority } from '../../manager/fleet/authority/nats-authority.ts';
import { type GrpcLink, openGrpcLink } from '../../manager/fleet/links/grpc.ts';
import { type NatsLink, openNatsLink } from '../../manager/fleet/links/nats.ts';
import { type RelayLinks, openRelayLinks } from '../../manager/fleet/links/nats-relays.ts';
import { type Listening, openListener } from '../../manager/fleet/listener.ts';
import type { FleetLog } from '../../manager/fleet/log.ts';
import { openMemoryStore } from '../../manager/registry/memory-store.ts';
import { openRegistry } from '../../manager/registry/registry.ts';
import type { Registry } from '../../manager/registry/types.ts';
import type { ProtocolRange } from '../../shared/session/protocol.ts';
import { SimEngine } from './engine.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what is logged, for tests to look at. */
export function collectLog(into: LogLine[]): FleetLog {
  const at =
    (level: string) =>
    (fields: object, message: string): void => {
      into.push({ level, message, fields: { ...fields } });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export interface SimManagerOptions {
  readonly home: string;
  readonly now?: () => number;
  readonly lifetimes?: Lifetimes;
  readonly speaks?: ProtocolRange;
  readonly shortestHeartbeat?: number;
  /** Heartbeats as the product has them, instead of short ones. */
  readonly realHeartbeat?: boolean;
  /** Absent: one in memory. It outlives restarts. */
  readonly registry?: Registry;
  readonly engine?: SimEngine;
  /** Absent: only the Unix socket. */
  readonly tcp?: { readonly host: string; readonly port: number };
}

/** The manager's fleet for real (authority, enrolment, links, mutual TLS) with a jobs engine that only keeps what it hears. */
export class SimManager {
  readonly engine: SimEngine;
  readonly registry: Registry;
  readonly lines: LogLine[] = [];
  readonly socketPath: string;
  readonly #options: SimManagerOptions;
  #fleet: FleetRoom | undefined;
  #listening: Listening | undefined;
  #link: GrpcLink | undefined;
  #natsLink: NatsLink | undefined;
  #relayLinks: RelayLinks | undefined;
  #nats: NatsAuthority | undefined;
  #broker: readonly string[] = [];
  /** What agents hear of it at enrolment. */
  #told: readonly string[] = [];
  #mostKept = 0;

  private constructor(options: SimManagerOptions, registry: Registry) {
    this.#options = options;
    this.registry = registry;
    this.engine = options.engine ?? new SimEngine();
    this.socketPath = join(options.home, 'manager.sock');
  }

  static async start(options: SimManagerOptions): Promise<SimManager> {
    await mkdir(options.home, { recursive: true });
    const manager = new SimManager(options, options.registry ?? (await openRegistry(await openMemoryStore())));
    await manager.up();
    return manager;
  }

  get fleet(): FleetRoom {
    if (this.#fleet === undefined) throw new Error('the manager is down');
    return this.#fleet;
  }

  get address(): string {
    return this.#options.tcp === undefined
      ? `unix:${this.socketPath}`
      : `${this.#options.tcp.host}:${String(this.#listening?.port)}`;
  }

  /** The keys that a broker has to trust, and that agents' credentials are signed with. */
  get nats(): NatsAuthority {
    if (this.#nats === undefined) throw new Error('the manager is down');
    return this.#nats;
  }

  /** The link over NATS, while it is attached to a broker. */
  get natsLink(): NatsLink {
    if (this.#natsLink === undefined) throw new Error('the manager is attached to no broker');
    return this.#natsLink;
  }

  /** What relays handed over since the last start. */
  get kept(): GrpcLink['kept'] {
    if (this.#link === undefined) throw new Error('the manager is down');
    return this.#link.kept;
  }

  /** The link by a relay, while there is one. */
  relayLink(name: string): NatsLink | undefined {
    return this.#relayLinks?.links.get(name);
  }

  /** From now on (and again after a restart) agents can come over NATS as well. HOST:PORT each. */
  attach(servers: readonly string[], mostKept = 64 * 1024 * 1024, told = servers): void {
    this.#broker = servers;
    this.#told = told;
    this.#mostKept = mostKept;
    this.#openNats(this.fleet);
  }

  #openNats(fleet: FleetRoom): void {
    if (this.#broker.length === 0) return;
    const log = collectLog(this.lines);
    const identity = (): ReturnType<typeof fleet.authority.issueManager> => fleet.authority.issueManager();
    const mostKept = this.#mostKept;
    this.#natsLink = openNatsLink({
      fleet,
      login: async () => this.nats.account.managerLogin(this.#broker, await identity()),
      log,
      mostKept,
    });
    this.#relayLinks = openRelayLinks({
      fleet,
      authority: this.nats,
      servers: this.#broker,
      identity,
      log,
      mostKept,
    });
  }

  async up(): Promise<void> {
    const { home, now, lifetimes, speaks } = this.#options;
    const log = collectLog(this.lines);
    const nats = await NatsAuthority.open(join(home, 'authority'));
    this.#nats = nats;
    const fleet = await createFleet({
      registry: this.registry,
      home,
      log,
      version: '0.0.0-sim',
      ...(this.#options.realHeartbeat === true ? {} : { shortestHeartbeat: this.#options.shortestHeartbeat ?? 300 }),
      broker: { authority: nats, servers: () => this.#told },
      ...(now === undefined ? {} : { now }),
      ...(lifetimes === undefined ? {} : { lifetimes }),
      ...(speaks === undefined ? {} : { speaks }),
    });
    fleet.listen(this.engine, (arrival) => this.engine.arrived(arrival));
    const link = openGrpcLink(fleet, log);
    const port = this.#listening?.port ?? this.#options.tcp?.port ?? 0;
    this.#listening = await openListener(
      {
        socketPath: this.socketPath,
        ...(this.#options.tcp === undefined ? {} : { tcp: { host: this.#options.tcp.host, port } }),
      },
      {
        identity: () => fleet.authority.issueManager(),
        onTls: (socket) => link.accept(socket),
        onPlain: (socket) => socket.destroy(),
        log,
      },
    );
    this.#link = link;
    this.#fleet = fleet;
    this.#openNats(fleet);
  }

  /** As `kill -9` would: connections are cut, nothing is said, nothing is tidied up. */
  async crash(): Promise<void> {
    const fleet = this.#fleet;
    this.#fleet = undefined;
    await this.#listening?.close();
    this.#link?.close();
    await this.#relayLinks?.close(true);
    await this.#natsLink?.close(true);
    await fleet?.close();
  }

  async stop(): Promise<void> {
    const fleet = this.#fleet;
    this.#fleet = undefined;
    await fleet?.close();
    await this.#listening?.close();
    this.#link?.close();
    await this.#relayLinks?.close();
    await this.#natsLink?.close();
    await this.registry.close();
  }

  async token(request: Partial<Parameters<FleetRoom['admin']['createToken']>[0]> = {}): Promise<string> {
    const asked = { roles: ['build'], name: '', lifetime: 0, uses: 0, approval: false, ...request };
    return (await this.fleet.admin.createToken(asked)).token;
  }

  logged(pattern: RegExp): LogLine[] {
    return this.lines.filter(({ message }) => pattern.test(message));
  }
}
