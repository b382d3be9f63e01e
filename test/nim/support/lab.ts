import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localLogin } from '../../../agent/tasks/nim/login/local.ts';
import { NimMaster } from '../../../agent/tasks/nim/master.ts';
import { createMaster, type NimMaster as StandIn } from '../master.ts';

export interface NimLab {
  readonly dir: string;
  readonly standIn: StandIn;
  readonly master: NimMaster;
  /** /install/nim of the master. */
  readonly base: string;
  /** A folder with images, as a source for lpp_sources. */
  readonly media: string;
  readonly log: string[];
  /** The recorded commands of the NIM programs, each as one line. */
  commands(): string[];
  close(): void;
}

/** A stand-in and the driver that talks to it through the PATH, as an agent on the master would. */
export async function nimLab(): Promise<NimLab> {
  const dir = mkdtempSync(join(tmpdir(), 'hostler-nim-'));
  const standIn = await createMaster(join(dir, 'master'));
  const before = process.env['PATH'] ?? '';
  process.env['PATH'] = `${standIn.bin}:${before}`;
  const media = join(dir, 'media');
  mkdirSync(media);
  writeFileSync(join(media, 'bos.rte'), 'fileset');
  const log: string[] = [];
  const master = new NimMaster(localLogin(), { folder: join(dir, 'work'), everyMs: 20, log: (line) => log.push(line) });
  return {
    dir,
    standIn,
    master,
    base: join(dir, 'install/nim'),
    media,
    log,
    commands: () => standIn.calls().map(({ program, argv }) => [program, ...argv].join(' ')),
    close() {
      process.env['PATH'] = before;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
