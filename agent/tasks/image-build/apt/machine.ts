import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import { parseSources } from './sources.ts';
import type { Source } from './sources.ts';

/** How this machine gets its own packages. */
export interface MachineApt {
  readonly sources: readonly Source[];
  readonly codename: string | undefined;
  /** Lines for an apt.conf: proxies, certificates, retries. May hold a proxy's password. */
  readonly acquire: readonly string[];
  /** Text of the machine's apt_auth.conf(5) files. Secret. */
  readonly netrc: string;
  /** Files that were looked at, for messages. */
  readonly files: readonly string[];
}

/** Settings that decide how packages come here; the rest of the machine's configuration is its own business. */
const acquireSettings = /^Acquire::(?:https?|ftp|tor|retries|check-|force|allow|max-|queue|by-hash|proxy|connect)/i;

export async function machineApt(signal: AbortSignal, etc = '/etc'): Promise<MachineApt> {
  const apt = join(etc, 'apt');
  const parts = (await namesIn(join(apt, 'sources.list.d'))).filter((name) => /^[\w.-]+\.(?:list|sources)$/.test(name));
  const files = [join(apt, 'sources.list'), ...parts.map((name) => join(apt, 'sources.list.d', name))];
  const texts = await Promise.all(files.map(async (file) => [file, await textOf(file)] as const));
  const secrets = (await namesIn(join(apt, 'auth.conf.d')))
    .filter((name) => name.endsWith('.conf'))
    .map((name) => join(apt, 'auth.conf.d', name));
  const netrc = await Promise.all([join(apt, 'auth.conf'), ...secrets].map(textOf));
  const release = await textOf(join(etc, 'os-release'));
  return {
    sources: texts.flatMap(([file, text]) => parseSources(file, text)),
    codename: /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1],
    acquire: await acquireConfig(signal),
    netrc: netrc.filter((text) => text.trim() !== '').join('\n'),
    files: texts.filter(([, text]) => text !== '').map(([file]) => file),
  };
}

async function acquireConfig(signal: AbortSignal): Promise<string[]> {
  const { stdout } = await run('apt-config', ['dump', '--no-empty', '--format', '%F "%v";%n', 'Acquire'], { signal });
  return stdout.split('\n').filter((line) => acquireSettings.test(line));
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
