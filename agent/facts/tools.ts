import { readFile, stat } from 'node:fs/promises';
import { replaceFile } from '../../shared/files/durable.ts';
import { printable } from '../../shared/process/printable.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';

/** Program → the arguments that make it say its version; none: it has no such option, and its presence is the fact. */
const tools: Readonly<Record<string, readonly string[] | undefined>> = {
  'apt-get': ['--version'],
  'arch-test': undefined,
  createrepo_c: ['--version'],
  cpio: ['--version'],
  debootstrap: ['--version'],
  dnf: ['--version'],
  dnsmasq: ['--version'],
  'grub-mkimage': ['--version'],
  ipmitool: ['-V'],
  kexec: ['--version'],
  lsnim: undefined,
  mkksiso: ['--version'],
  mksquashfs: ['-version'],
  mmdebstrap: ['--version'],
  'nats-server': ['--version'],
  nim: undefined,
  pigz: ['--version'],
  'qemu-aarch64-static': ['--version'],
  'qemu-ppc64le-static': ['--version'],
  'qemu-s390x-static': ['--version'],
  'qemu-system-aarch64': ['--version'],
  'qemu-system-ppc64': ['--version'],
  'qemu-system-x86_64': ['--version'],
  rpm: ['--version'],
  rsync: ['--version'],
  ssh: ['-V'],
  systemctl: ['--version'],
  tar: ['--version'],
  xz: ['--version'],
  zstd: ['--version'],
  zypper: ['--version'],
};

const timeoutMs = 3_000;
const atOnce = 4;

/** Where a version was found: asking again is needed only when the file changed. */
interface Cached {
  readonly file: string;
  readonly changed: number;
  readonly version: string;
}

/**
 * The tools that are installed, with the first line that each says about its version (empty where it says none).
 * Remembered in `cacheFile`, so that only the first look costs time: a few seconds at most.
 */
export async function toolsFound(cacheFile: string, names = Object.keys(tools)): Promise<Record<string, string>> {
  const before = await readCache(cacheFile);
  const after = new Map<string, Cached>();
  const waiting = [...names];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const found = await look(name, before.get(name));
      if (found !== undefined) after.set(name, found);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const sorted = [...after].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(sorted);
  // A cache that cannot be written costs time, nothing else.
  if (text !== JSON.stringify([...before])) await replaceFile(cacheFile, text).catch(() => undefined);
  return Object.fromEntries(sorted.map(([name, { version }]) => [name, version]));
}

async function look(name: string, before: Cached | undefined): Promise<Cached | undefined> {
  const file = which(name);
  if (file === undefined) return undefined;
  try {
    const changed = (await stat(file)).mtimeMs;
    if (before?.file === file && before.changed === changed) return before;
    return { file, changed, version: await versionOf(file, tools[name]) };
  } catch {
    return undefined; // it went while we looked
  }
}

async function versionOf(file: string, args: readonly string[] | undefined): Promise<string> {
  if (args === undefined) return '';
  try {
    const { stdout, stderr } = await run(file, args, {
      timeoutMs,
      graceMs: 500,
      allowExit: 'any',
      env: { LC_ALL: 'C' },
    });
    const line = `${stdout}\n${stderr}`.split('\n').find((one) => one.trim() !== '') ?? '';
    return printable(line.trim()).slice(0, 200);
  } catch {
    return ''; // too slow, or it does not run here; it is installed all the same
  }
}

async function readCache(file: string): Promise<Map<string, Cached>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return new Map(Array.isArray(value) ? value.filter(isEntry) : []);
  } catch {
    return new Map();
  }
}

function isEntry(value: unknown): value is [string, Cached] {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return false;
  const cached = value[1] as Partial<Cached> | null | undefined;
  return typeof cached?.file === 'string' && typeof cached.changed === 'number' && typeof cached.version === 'string';
}
