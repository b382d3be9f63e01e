import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';
import { storePaths, type StoreAccess } from '../../shared/task/blob.ts';
import { download } from './client.ts';

export interface UpstreamOptions {
  /** What was fetched is kept here. */
  readonly folder: string;
  /** The store that has the site's postscripts, as the manager told; undefined: none. */
  readonly access: () => StoreAccess | undefined;
  readonly identity: () => TlsIdentity;
  readonly log: (line: string) => void;
}

/** How long what was fetched is handed out without asking again, in milliseconds: a rack boots in that time. */
const freshMs = 20_000;
/** How long a node waits for it, in milliseconds; the node itself waits half a minute. */
const patienceMs = 20_000;

/**
 * Postscripts that a service node hands out for the site: fetched by its own certificate when a node asks, once for a rack
 * that boots together. While the other store cannot be reached, what was fetched before goes on being handed out.
 */
export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #underway = new Map<string, Promise<string | undefined>>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** The file; undefined where nobody has it. `name`: checked by isPostscriptName. Throws as `download`. */
  async postscript(name: string): Promise<string | undefined> {
    const access = this.#options.access();
    if (access === undefined) return undefined;
    const file = join(this.#options.folder, 'postscripts', name);
    const kept = await stat(file).catch(() => undefined);
    if (kept !== undefined && Date.now() - kept.mtimeMs < freshMs) return file;
    const running = this.#underway.get(name);
    if (running !== undefined) return running;
    const fetching = this.#fetch(access, name, file, kept !== undefined).finally(() => this.#underway.delete(name));
    this.#underway.set(name, fetching);
    return fetching;
  }

  async #fetch(access: StoreAccess, name: string, file: string, kept: boolean): Promise<string | undefined> {
    const { identity, log, folder } = this.#options;
    const beside = join(folder, 'coming', randomBytes(8).toString('hex'));
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const signal = AbortSignal.timeout(patienceMs);
      await download(access, storePaths.postscript(name), beside, { identity: identity(), signal });
      await chmod(beside, 0o600);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await rename(beside, file);
      return file;
    } catch (thrown) {
      const error = HostlerError.from(thrown);
      if (error.code === 'not_found') {
        await rm(file, { force: true });
        return undefined;
      }
      if (!kept) throw error;
      log(`store: ${name} is handed out as it was before: ${error.message}`);
      return file;
    } finally {
      await rm(`${beside}.part`, { force: true });
    }
  }
}
