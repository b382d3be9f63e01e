import { join } from 'node:path';
import { normalMac } from '../../shared/boot/address.ts';
import { printable } from '../../shared/process/printable.ts';
import { namesIn, textOf } from './read.ts';

/** What the initrd left for the agent of a netbooted node, `/run/hostler/boot.json`. */
export interface BootRecord {
  /** sha256 of the image, computed by the initrd. */
  readonly digest: string;
  /** The boot server, `http://ADDRESS:PORT`. */
  readonly server: string;
  /** Of the card that it booted from; empty when it is not told. */
  readonly mac: string;
  /** Stage → when it was reached: seconds since the kernel started. */
  readonly stages: Readonly<Record<string, number>>;
}

export function bootRecord(root: string): BootRecord | undefined {
  const text = textOf(join(root, 'run/hostler/boot.json'));
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { digest, server, mac, stages } = value as Partial<Record<keyof BootRecord, unknown>>;
    if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) return undefined;
    const times = typeof stages === 'object' && stages !== null ? Object.entries(stages) : [];
    return {
      digest,
      server: typeof server === 'string' ? server : '',
      mac: typeof mac === 'string' ? (normalMac(mac) ?? '') : '',
      stages: Object.fromEntries(
        times.map(([name, at]) => [name, Number(at)] as const).filter(([, at]) => Number.isFinite(at)),
      ),
    };
  } catch {
    return undefined;
  }
}

/** sha256 of the golden tree that a machine was installed from; the installer left it there. */
export function installedDigest(root: string): string | undefined {
  return /"image":"([0-9a-f]{64})"/.exec(textOf(join(root, 'var/lib/hostler/installed.json')))?.[1];
}

const mostNotes = 32;
const longestNote = 500;

/** First lines of the files in /opt/hostler/report.d, by file name. */
export function notesOf(root: string): Record<string, string> {
  const folder = join(root, 'opt/hostler/report.d');
  const names = namesIn(folder).filter((name) => /^[A-Za-z0-9][\w.-]{0,63}$/.test(name));
  return Object.fromEntries(
    names.slice(0, mostNotes).map((name) => {
      const [line = ''] = textOf(join(folder, name)).split('\n');
      return [name, printable(line).slice(0, longestNote)];
    }),
  );
}
