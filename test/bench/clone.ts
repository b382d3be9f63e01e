import { appendFileSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goldenTree } from '../lab/golden-tree.ts';
import { createTestAuthority } from '../lab/pki.ts';
import { fills } from './clone-fill.ts';
import { CaptureSite, timed, type Captured } from './clone-site.ts';
import { median, type Bench, type Figures } from './measure.ts';

/**
 * Capture and recapture beside rsync over ssh of the same tree; fill beside a plain `curl | zstd | tar`, one, two and four
 * at once. On this machine alone, without virtual machines: emulation would measure itself.
 */
export const cloneBench: Bench = {
  name: 'clone',
  bound: 1400,
  run: (signal) =>
    inFolders(async (folder, memory) => {
      const tree = join(folder, 'machine');
      await timed(['cp', '--archive', await goldenTree(), tree], signal);
      await manyFiles(tree, 20_000, signal);
      return {
        ...(await captures(folder, tree, 'openssh-server', signal)),
        ...(await fills(memory, tree, await createTestAuthority(), signal)),
        filledInMemory: roomInMemory() ? 'yes' : 'no',
      };
    }),
};

/** The same of very many small files: what a capture costs by the file, and not by the byte. */
export const cloneSmallBench: Bench = {
  name: 'clone-small',
  bound: 1400,
  run: (signal) =>
    inFolders(async (folder) => {
      const [tree, from] = [join(folder, 'machine'), await goldenTree()];
      // Enough of a system to be packed: its kernel, what names its release, one package.
      const kept = ['boot', 'etc', 'lib', 'usr/lib/modules', 'usr/lib/os-release', 'var/lib/dpkg/status'];
      const some = ['bin', 'usr/bin/busybox', 'usr/bin/grep', 'var/lib/dpkg/info/grep.list'];
      await timed(['rsync', '-aHAXSR', ...[...kept, ...some].map((path) => `${from}/./${path}`), `${tree}/`], signal);
      await manyFiles(tree, 200_000, signal);
      return captures(folder, tree, 'grep', signal, 2);
    }),
};

async function inFolders(run: (folder: string, memory: string) => Promise<Figures>): Promise<Figures> {
  if (process.getuid?.() !== 0) throw new Error('needs root: trees with owners and capabilities');
  const folder = mkdtempSync(join(tmpdir(), 'hbc-'));
  const memory = mkdtempSync(join(roomInMemory() ? '/dev/shm' : tmpdir(), 'hbc-'));
  try {
    return await run(folder, memory);
  } finally {
    for (const dir of [folder, memory]) rmSync(dir, { recursive: true, force: true });
  }
}

/** For five trees at once. */
function roomInMemory(): boolean {
  try {
    const { bsize, bavail } = statfsSync('/dev/shm');
    return bsize * bavail > 8e9;
  } catch {
    return false;
  }
}

/** As on a machine that was used: small files beside what was installed. */
async function manyFiles(tree: string, count: number, signal: AbortSignal): Promise<void> {
  const script = `import os,sys
for n in range(int(sys.argv[2])):
    folder=f"{sys.argv[1]}/srv/small/{n//20000}/{n//200}"
    if n%200==0: os.makedirs(folder)
    with open(f"{folder}/{n}","w") as file: file.write(str(n)*20)`;
  await timed(['python3', '-c', script, tree, String(count)], signal);
}

/** First captures in turns, each of an image of its own kind; then recaptures after one package was upgraded. */
async function captures(
  folder: string,
  tree: string,
  upgradedPackage: string,
  signal: AbortSignal,
  turns = 3,
): Promise<Figures> {
  const authority = await createTestAuthority();
  const site = await CaptureSite.start(folder, tree, authority);
  const first: { ours: Captured[]; rsync: number[] } = { ours: [], rsync: [] };
  const again: { ours: Captured[]; rsync: number[] } = { ours: [], rsync: [] };
  try {
    for (let turn = 0; turn < turns; turn += 1) {
      for (const old of ['plain', 'sysclone']) rmSync(join(folder, old), { recursive: true, force: true });
      first.rsync.push(await site.rsync('plain', signal));
      first.ours.push(await site.capture(signal));
    }
    for (let turn = 0; turn < turns; turn += 1) {
      upgraded(tree, upgradedPackage);
      again.rsync.push(await site.rsync('plain', signal));
      again.ours.push(await site.capture(signal));
    }
  } finally {
    site.stop();
  }
  const of = (list: readonly Captured[], what: keyof Captured): number => median(list.map((one) => one[what]));
  const ratio = (a: number, b: number): number => Number((a / b).toFixed(2));
  const [plain, plainAgain] = [median(first.rsync), median(again.rsync)];
  const bytes = of(first.ours, 'bytes');
  return {
    captureFetchSeconds: of(first.ours, 'fetchSeconds'),
    captureSeconds: of(first.ours, 'seconds'),
    captureMB: Number((bytes / 1e6).toFixed(1)),
    rsyncOverSshSeconds: plain,
    captureFetchRatio: ratio(of(first.ours, 'fetchSeconds'), plain),
    captureRatio: ratio(of(first.ours, 'seconds'), plain),
    recaptureFetchSeconds: of(again.ours, 'fetchSeconds'),
    recaptureSeconds: of(again.ours, 'seconds'),
    recaptureMB: Number((of(again.ours, 'bytes') / 1e6).toFixed(2)),
    recapturePercentOfBytes: Number(((of(again.ours, 'bytes') / bytes) * 100).toFixed(2)),
    rsyncAgainSeconds: plainAgain,
    recaptureFetchRatio: ratio(of(again.ours, 'fetchSeconds'), plainAgain),
    recaptureRatio: ratio(of(again.ours, 'seconds'), plainAgain),
  };
}

/** Every file of a package is another one. */
function upgraded(tree: string, name: string): void {
  const list = readFileSync(join(tree, `var/lib/dpkg/info/${name}.list`), 'utf8')
    .trim()
    .split('\n');
  for (const path of [...list, '/var/lib/dpkg/status']) {
    try {
      appendFileSync(join(tree, path), '\n');
    } catch {
      // A folder, or left out of the tree.
    }
  }
}
