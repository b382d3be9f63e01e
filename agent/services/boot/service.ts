import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { mkdir, watch } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderDnsmasq, renderHosts, renderNames, type Announced } from '../../../shared/boot/dnsmasq.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { claimPath } from '../../../shared/identity/boot-token.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import { nodeFilesPath } from '../../../shared/task/node-files.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import type { BlobStore } from '../../store/blobs.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import type { Address, ExtraRoute } from '../../store/server.ts';
import type { Lock } from '../lock.ts';
import { Boots, type Report } from './boots.ts';
import { answerClaim } from './claim.ts';
import { Dnsmasq } from './dnsmasq.ts';
import { DnsmasqLog } from './dnsmasq-log.ts';
import { answer } from './http.ts';
import { answerInstall } from './install.ts';
import { announce, checkInterfaces, lockInterface, withdraw } from './interfaces.ts';
import { placeLoaders } from './loaders.ts';
import { Lookup } from './lookup.ts';
import { answerNodeFiles } from './node-files.ts';
import { appliedFile, bootFolder, readState, type Applied, type BootState } from './state.ts';

export interface BootServiceOptions {
  /** Agent name. */
  readonly name: string;
  readonly home: string;
  readonly tftpDir: string;
  readonly identity: () => TlsIdentity;
  readonly blobs: BlobStore;
  readonly report: Report;
  readonly log: (line: string) => void;
  /** Opens the HTTPS port (the store's server) at these addresses and closes others of the boot service. */
  readonly listenSecure: (addresses: readonly Address[]) => Promise<void>;
  /** Where this machine carries links to the manager; absent: nowhere. */
  readonly relay?: readonly Address[];
}

/** A change is noticed by the folder's watch at once, and by looking in any case. */
const lookEveryMilliseconds = 2_000;
/** What could not be served is tried again. */
const retryMilliseconds = 15_000;

/**
 * The boot server: serves what `<home>/boot/service.json` says, and says in `applied.json` whether it does. The
 * boot-apply task writes the one and waits for the other. Nodes that are not touched by a change notice nothing of it.
 */
export class BootService {
  readonly #options: BootServiceOptions;
  readonly #boots: Boots;
  readonly #stop = new AbortController();
  readonly #locks = new Map<string, Lock>();
  readonly #dnsmasqLog = new DnsmasqLog();
  #lookup: Lookup | undefined;
  #applied: Applied | undefined;
  #tried = 0;
  #tftp = '';
  #announced: readonly Announced[] = [];
  readonly #http = new Map<string, Server>();
  #dnsmasq: { configuration: string; child: Dnsmasq } | undefined;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;

  constructor(options: BootServiceOptions) {
    this.#options = options;
    this.#boots = new Boots(options.home, options.report, options.log);
  }

  async start(): Promise<void> {
    await mkdir(bootFolder(this.#options.home), { recursive: true, mode: 0o700 });
    await this.#look();
    this.#loop = Promise.all([this.#keepLooking(), this.#keepWatching()]).then(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#loop;
    await this.#dnsmasq?.child.stop();
    for (const server of this.#http.values()) await closeServer(server);
    await withdraw(this.#announced);
    for (const lock of this.#locks.values()) await lock.release();
  }

  /** Of this machine, as the nodes that it boots see it; none before something was applied. */
  addresses(): readonly string[] {
    return this.#lookup?.state.service.networks.map(({ server }) => server) ?? [];
  }

  /** Where the site's postscripts are; undefined: the manager named no store for them. */
  upstream(): StoreAccess | undefined {
    return this.#lookup?.state.service.postscripts;
  }

  /** For the HTTPS server: takes `/claim`, `/node-files`, and what a machine that is being installed asks. */
  readonly route: ExtraRoute = async (request, response, peer) => {
    if (request.url === nodeFilesPath) {
      await answerNodeFiles({ lookup: this.#lookup, blobs: this.#options.blobs }, request, response, peer);
      return true;
    }
    const { name, identity, log, blobs } = this.#options;
    const path = request.url ?? '';
    const parts = { lookup: () => this.#lookup, boots: this.#boots, server: name, key: () => identity().key, log };
    if (path === claimPath && request.method === 'POST') await answerClaim(parts, request, response);
    else if (path.startsWith('/clone/')) await answerInstall({ ...parts, blobs }, request, response, path);
    else return false;
    return true;
  };

  async #keepLooking(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      await Promise.race([woken, delay(lookEveryMilliseconds, undefined, { signal }).catch(() => undefined)]);
      if (signal.aborted) return;
      await this.#look();
    }
  }

  /** inotify where it works; looking now and then does where it does not. */
  async #keepWatching(): Promise<void> {
    try {
      for await (const change of watch(bootFolder(this.#options.home), { signal: this.#stop.signal })) {
        if (change.filename === 'service.json') this.#wake();
      }
    } catch {
      // stopped, or no watching on this file system
    }
  }

  async #look(): Promise<void> {
    let state: BootState | undefined;
    try {
      state = await readState(this.#options.home);
    } catch (error) {
      this.#options.log(`boot service: ${HostlerError.from(error).message}`);
      return;
    }
    if (!state) return;
    const done = this.#applied?.generation === state.generation;
    if (done && (this.#applied?.problem === undefined || Date.now() - this.#tried < retryMilliseconds)) return;
    this.#tried = Date.now();
    let problem: string | undefined;
    try {
      await this.#apply(state);
      this.#options.log(`boot service: serves ${Object.keys(state.nodes).length} nodes (change ${state.generation})`);
    } catch (error) {
      problem = HostlerError.from(error).message;
      this.#options.log(`boot service: ${problem}`);
    }
    this.#applied = { generation: state.generation, ...(problem !== undefined && { problem }) };
    await replaceFile(appliedFile(this.#options.home), JSON.stringify(this.#applied));
  }

  async #apply(state: BootState): Promise<void> {
    const { service } = state;
    const addresses = [...new Set(service.networks.map((network) => network.server))];
    await checkInterfaces(service.interfaces, addresses);
    await this.#takeInterfaces(service.interfaces);
    this.#tftp = await placeLoaders(this.#options.tftpDir);
    this.#lookup = new Lookup(state, this.#options.relay);
    await this.#serveHttp(addresses, service.httpPort);
    await this.#options.listenSecure(addresses.map((host) => ({ host, port: service.httpsPort })));
    await this.#serveDhcp(state);
  }

  async #takeInterfaces(names: readonly string[]): Promise<void> {
    for (const [name, lock] of this.#locks) {
      if (names.includes(name)) continue;
      this.#locks.delete(name);
      await lock.release();
    }
    for (const name of names) {
      if (this.#locks.has(name)) continue;
      const who = `agent ${this.#options.name} (home ${this.#options.home})`;
      this.#locks.set(name, await lockInterface(name, who));
    }
  }

  async #serveHttp(addresses: readonly string[], port: number): Promise<void> {
    const wanted = new Set(addresses.map((address) => `${address}:${port}`));
    for (const [key, server] of this.#http) {
      if (wanted.has(key)) continue;
      this.#http.delete(key);
      await closeServer(server);
    }
    for (const address of addresses) {
      const key = `${address}:${port}`;
      if (!this.#http.has(key)) this.#http.set(key, await this.#listenHttp(address, port));
    }
  }

  async #listenHttp(address: string, port: number): Promise<Server> {
    const parts = {
      lookup: () => this.#lookup,
      boots: this.#boots,
      blobs: this.#options.blobs,
      authority: () => this.#options.identity().authority,
      loaders: () => this.#tftp,
      agent: this.#options.name,
      address,
    };
    const server = createServer({ headersTimeout: 20_000, requestTimeout: 30_000 }, (request, response) => {
      answer(parts, request, response).catch((error: unknown) => {
        this.#options.log(`boot service: ${request.url ?? ''}: ${HostlerError.from(error).message}`);
        response.destroy();
      });
    });
    // A machine that was switched off in the middle of a download must not hold its connection for ever.
    server.setTimeout(120_000);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `HTTP cannot listen on ${address}:${port}: ${cause.message}. Set site.httpport.`;
        reject(new HostlerError('unavailable', message, { cause }));
      });
      server.listen(port, address, resolve);
    });
    return server;
  }

  async #serveDhcp(state: BootState): Promise<void> {
    const { home, log } = this.#options;
    const file = (name: string): string => join(bootFolder(home), name);
    const files = {
      hosts: file('dhcp-hosts'),
      names: file('dns-hosts'),
      leases: file('leases'),
      pid: file('dnsmasq.pid'),
      tftp: this.#tftp,
    };
    const announced = await announce(state.service.interfaces, home, log);
    await withdraw(this.#announced.filter((one) => !announced.some((other) => other.interface === one.interface)));
    this.#announced = announced;
    const configuration = renderDnsmasq(state.service, files, announced);
    const [names, hosts] = [renderNames(state.nodes), renderHosts(state.nodes)];
    await replaceFile(files.names, names, 0o644);
    await replaceFile(files.hosts, hosts, 0o644);
    const digest = createHash('sha256').update(names).update('\0').update(hosts).digest('hex');
    const content = { digest, count: Object.keys(state.nodes).length };
    if (this.#dnsmasq?.configuration === configuration) {
      await this.#dnsmasq.child.reload(files.hosts, content);
      return;
    }
    await this.#dnsmasq?.child.stop();
    await replaceFile(file('dnsmasq.conf'), configuration);
    const child = new Dnsmasq({
      configuration: file('dnsmasq.conf'),
      pidFile: files.pid,
      log,
      onLine: (line) => this.#heard(line),
    });
    this.#dnsmasq = { configuration, child };
    await child.start(content);
  }

  #heard(line: string): void {
    const news = this.#dnsmasqLog.line(line);
    if (!news) return;
    const found = this.#lookup?.byMac(news.mac);
    if (news.what === 'ignored') {
      if (!found) this.#boots.unknown(news.mac, 'asked for an address (DHCP) and got none');
      return;
    }
    if (!found || !news.firmware) return;
    void this.#boots.saw({ mac: news.mac, node: found.name }, { what: 'dhcp' }, { detail: news.ip });
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
