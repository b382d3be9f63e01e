import { HostlerError } from '../errors/error.ts';

/** Whom a nats-server has to trust: one manager, and nobody else. */
export interface BrokerTrust {
  /** JWT. */
  readonly operator: string;
  /** Public key. */
  readonly systemAccount: string;
  /** Public key of an account → its JWT, for `resolver_preload`. */
  readonly accounts: Readonly<Record<string, string>>;
}

/** What a broker is told. Paths are absolute. */
export interface BrokerSettings {
  /** Must be told apart from others that are joined with it. */
  readonly name?: string;
  /** port 0 is not allowed: agents are told the port before the broker runs. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly trust: BrokerTrust;
  readonly tls: { readonly certificate: string; readonly key: string; readonly authority: string };
  /** JetStream's folder, and how much it may take, in bytes. */
  readonly store: { readonly folder: string; readonly mostBytes: number };
  /** Bytes that may wait for one client before it counts as too slow. */
  readonly maxPending?: number;
  /** This server's part of JetStream; a leaf node needs one of its own. */
  readonly domain?: string;
  /** Where accounts are kept that come while it runs; absent: there are none but those of `trust`. */
  readonly accounts?: string;
  /** Where leaf nodes connect; absent: nowhere. */
  readonly leafListen?: { readonly host: string; readonly port: number };
  /** A leaf node: for whom it connects to the broker, by which file, through which port of this machine. */
  readonly leafRemote?: { readonly port: number; readonly account: string; readonly credentials: string };
}

/** One message on its way in a broker; ours are cut into smaller pieces (shared/session/framed.ts). */
const maxPayload = 1024 * 1024;

/** The manager's own connection has everybody's reports in it: more may wait for it than the usual 64 MiB. */
const maxPending = 256 * 1024 * 1024;

/** The configuration of a nats-server 2.9 or later that trusts this manager and its agents, and nobody else. */
export function renderBroker(settings: BrokerSettings): string {
  const { listen, trust, store, domain, accounts } = settings;
  return [
    `server_name: ${quoted(settings.name ?? 'hostler')}`,
    `listen: ${quoted(address(listen))}`,
    ...renderTrust(trust, accounts),
    `tls ${renderTls(settings.tls)}`,
    `jetstream { store_dir: ${quoted(store.folder)}, max_memory_store: 0, max_file_store: ${count(store.mostBytes)}` +
      `${domain === undefined ? '' : `, domain: ${quoted(domain)}`} }`,
    ...renderLeafs(settings),
    `max_payload: ${maxPayload}`,
    `max_pending: ${count(settings.maxPending ?? maxPending)}`,
    'max_connections: 25000',
    // A certificate is checked in it, on machines that may be busy booting.
    'authorization { timeout: 10 }',
    'write_deadline: "10s"',
    'logtime: true',
    '',
  ].join('\n');
}

/** The part that the administrator of a broker of his own puts into its configuration. */
export function renderTrust({ operator, systemAccount, accounts }: BrokerTrust, folder?: string): string[] {
  return [
    `operator: ${token(operator)}`,
    `system_account: ${token(systemAccount)}`,
    // Looking at the other servers of a cluster for accounts now and then: there are none.
    folder === undefined ? 'resolver: MEMORY' : `resolver { type: full, dir: ${quoted(folder)}, interval: "60m" }`,
    'resolver_preload {',
    ...Object.entries(accounts).map(([account, jwt]) => `  ${token(account)}: ${token(jwt)}`),
    '}',
  ];
}

function renderLeafs({ leafListen, leafRemote, tls }: BrokerSettings): string[] {
  if (leafListen !== undefined) return [`leafnodes { listen: ${quoted(address(leafListen))}, tls ${renderTls(tls)} }`];
  if (leafRemote === undefined) return [];
  const { port, account, credentials } = leafRemote;
  const remote =
    `{ urls: [ "tls://127.0.0.1:${count(port)}" ], account: ${token(account)}, ` +
    `credentials: ${quoted(credentials)}, tls ${renderTls(tls)} }`;
  return [
    `leafnodes { reconnect: 1, remotes: [ ${remote} ] }`,
    // A line that was cut says nothing: agents behind are to learn soon that nobody hears them.
    'ping_interval: "15s"',
  ];
}

function renderTls({ certificate, key, authority }: BrokerSettings['tls']): string {
  return (
    `{ cert_file: ${quoted(certificate)}, key_file: ${quoted(key)}, ca_file: ${quoted(authority)}, ` +
    'verify: true, timeout: 10 }'
  );
}

function address({ host, port }: { readonly host: string; readonly port: number }): string {
  if (!/^[A-Za-z0-9._:-]+$/.test(host)) throw unfit(host);
  return `${host.includes(':') ? `[${host}]` : host}:${count(port)}`;
}

function quoted(text: string): string {
  // The format has escapes, but not for all; none of these stands in a path that we make.
  if (!/^[^"\\\p{Cc}]+$/u.test(text)) throw unfit(text);
  return `"${text}"`;
}

function token(text: string): string {
  if (!/^[A-Za-z0-9_.-]+$/.test(text)) throw unfit(text);
  return text;
}

function count(number: number): string {
  if (!Number.isSafeInteger(number) || number < 0) throw unfit(String(number));
  return String(number);
}

function unfit(text: string): HostlerError {
  return new HostlerError(
    'invalid_argument',
    `'${text}' cannot stand in the configuration of a broker; choose another --home or address.`,
  );
}
