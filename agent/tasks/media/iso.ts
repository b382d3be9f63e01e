import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import { mostEntries } from './medium.ts';
import type { MediumEntry, OpenMedium } from './medium.ts';
import { pieces } from './pieces.ts';
import type { Section } from './pieces.ts';
import { readListed, readSection } from './xorriso.ts';

const sector = 2048;

/**
 * An ISO 9660 image or device, without mounting it: xorriso tells what is on it (Rock Ridge names, links and modes)
 * and where, the content is read from there. Undefined: it is none. Throws `data_loss` for one that is cut short.
 */
export async function openIso(path: string, signal: AbortSignal): Promise<OpenMedium | undefined> {
  const blocks = await blocksOf(path);
  if (blocks === undefined) return undefined;
  const info = await stat(path);
  if (info.isFile() && blocks * sector > info.size) {
    throw new HostlerError(
      'data_loss',
      `${path} is not complete: its table of contents tells of ${blocks * sector} bytes, the file has ${info.size}. Fetch it again.`,
    );
  }
  if (which('xorriso') === undefined) {
    throw new HostlerError(
      'failed_precondition',
      `The program xorriso, which reads ISO images, is not installed. To do: ${installHint('xorriso')}.`,
    );
  }
  const { entries, sections } = await list(path, signal);
  const handle = await open(path, 'r');
  const first = (entry: MediumEntry): number => sections.get(entry.path)?.[0]?.at ?? 0;
  return {
    // A disc is read fastest from its beginning to its end.
    entries: entries.sort((a, b) => first(a) - first(b)),
    chunks: (entry) => pieces(handle, sections.get(entry.path) ?? [], entry.path, signal),
    close: () => handle.close(),
  };
}

/** Of the volume, out of the primary volume descriptor; undefined: there is no ISO 9660 file system. */
async function blocksOf(path: string): Promise<number | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const descriptor = Buffer.alloc(sector);
    const { bytesRead } = await handle.read(descriptor, 0, sector, 16 * sector);
    if (bytesRead < sector || descriptor.toString('latin1', 1, 6) !== 'CD001') return undefined;
    return descriptor.readUInt32LE(80);
  } finally {
    await handle?.close();
  }
}

async function list(
  path: string,
  signal: AbortSignal,
): Promise<{ entries: MediumEntry[]; sections: Map<string, Section[]> }> {
  const entries: MediumEntry[] = [];
  const sections = new Map<string, Section[]>();
  await run(
    'xorriso',
    [
      // No start-up files of root's; names as octal codes where they are not plain ASCII.
      ...['-no_rc', '-backslash_codes', 'encode_output', '-indev', `stdio:${path}`],
      ...['-find', '/', '-exec', 'lsdl', '--', '-find', '/', '-type', 'f', '-exec', 'report_sections', '--'],
    ],
    {
      signal,
      timeoutMs: 600_000,
      keepBytes: 64 * 1024,
      onLine: (line, from) => {
        if (from === 'err') return;
        const section = readSection(line);
        if (section !== undefined) {
          const known = sections.get(section.path);
          if (known === undefined) sections.set(section.path, [section]);
          else known.push(section);
          return;
        }
        const entry = readListed(line);
        if (entry === undefined || entry.path === '') return;
        entries.push(entry);
        if (entries.length > mostEntries) {
          throw new HostlerError(
            'invalid_argument',
            `${path} holds more than ${mostEntries} files: that is no medium.`,
          );
        }
      },
    },
  );
  return { entries, sections };
}
