import { run } from '../../../shared/process/run.ts';
import type { KnownHostsChange } from '../../../shared/task/files.ts';
import type { TaskContext } from '../types.ts';

/** ssh-keyscan asks many hosts at once and waits so long for each (seconds). */
const patience = 5;

/** Lines of known_hosts as the hosts themselves give them now, and who gave none. */
export async function scan(
  hosts: KnownHostsChange['scan'],
  context: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<{ readonly lines: readonly string[]; readonly silent: readonly string[] }> {
  if (hosts.length === 0) return { lines: [], silent: [] };
  context.progress('scan', `asks ${hosts.length} hosts for their keys`);
  const input = hosts.map(({ address, names }) => `${address} ${[...names, address].join(',')}\n`).join('');
  const { stdout } = await run('ssh-keyscan', ['-T', String(patience), '-t', 'ed25519,ecdsa,rsa', '-f', '-'], {
    input,
    signal: context.signal,
    // Hosts that do not answer are no failure.
    allowExit: 'any',
    keepBytes: 64 << 20,
  });
  const lines = stdout.split('\n').filter((line) => /^[^#\s]\S* (ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+$/.test(line));
  const answered = new Set(lines.flatMap((line) => (line.split(' ')[0] ?? '').split(',')));
  return { lines: lines.sort(), silent: hosts.map(({ address }) => address).filter((one) => !answered.has(one)) };
}

/** Lines about these hosts go, new ones come last. Lines with hashed names say of nobody, and stay. */
export function changeKnownHosts(text: string, forget: readonly string[], lines: readonly string[]): string {
  const gone = new Set(forget);
  const kept = text.split('\n').filter((line) => {
    if (line === '' || line.startsWith('#') || line.startsWith('|') || line.startsWith('@')) return line !== '';
    return !(line.split(/\s/)[0] ?? '').split(',').some((name) => gone.has(name));
  });
  const all = [...kept, ...lines];
  return all.length === 0 ? '' : `${all.join('\n')}\n`;
}
