import { lstat, readFile, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';

/** Folders that belong to the system: an image tree in them, or one of them as an image tree, would destroy it. */
const systemFolders = ['bin', 'boot', 'dev', 'etc', 'lib', 'lib32', 'lib64', 'proc', 'run', 'sbin', 'sys', 'usr'];
/** May hold images deeper down, but are none themselves. */
const shallowFolders = [
  '',
  'home',
  'install',
  'media',
  'mnt',
  'opt',
  'root',
  'srv',
  'tmp',
  'var',
  'var/lib',
  'var/tmp',
  'tftpboot',
];

/**
 * Checks osimage.rootimgdir before anything is made or taken away there: absolute, plain, not a folder of the system,
 * and not led elsewhere by a symbolic link. Returns it without a trailing slash. Throws `invalid_argument`.
 */
export function checkedRootimgdir(path: string): Promise<string> {
  return checkedFolder(path, 'The root image directory');
}

/** The same for any folder that is filled by an agent; `what` begins the sentence of the refusal. */
export async function checkedFolder(path: string, what: string): Promise<string> {
  const refuse = (why: string): HostlerError =>
    new HostlerError('invalid_argument', `${what} ${JSON.stringify(path.slice(0, 200))} cannot be used: ${why}.`);
  if (!isAbsolute(path)) throw refuse('it must be an absolute path');
  if (path.split('/').includes('..')) throw refuse('it must not contain ..');
  if (!/^[\w./@+:,=-]+$/.test(path)) throw refuse('only letters, digits and ./@+:,=_- may stand in it');
  const plain = normalize(path).replace(/\/$/, '');
  const rest = plain.slice(1);
  const first = rest.split('/')[0] ?? '';
  if (systemFolders.includes(first) || shallowFolders.includes(rest)) throw refuse('it is a folder of the system');
  const real = await realOf(plain);
  if (real !== plain && systemFolders.includes(real.slice(1).split('/')[0] ?? '')) throw refuse(`it leads to ${real}`);
  const own = await lstat(plain).catch(() => undefined);
  if (own !== undefined && !own.isDirectory()) throw refuse('it is not a folder');
  return plain;
}

/** The real path of the deepest part that exists, with the rest behind it. */
async function realOf(path: string): Promise<string> {
  for (let at = path, rest = ''; ; rest = join(at.slice(dirname(at).length), rest), at = dirname(at)) {
    try {
      return join(await realpath(at), rest).replace(/\/$/, '');
    } catch (error) {
      if (at === '/') throw error;
    }
  }
}

/** Mount points below a folder: taking the folder away would take away what is mounted there. */
export async function mountsBelow(folder: string): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const points = text
    .split('\n')
    .map((line) =>
      line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
  return points.filter(
    (point) => point !== undefined && (point === folder || point.startsWith(`${folder}/`)),
  ) as string[];
}

export async function refuseMounts(tree: string): Promise<void> {
  const mounts = await mountsBelow(tree);
  if (mounts.length === 0) return;
  throw new HostlerError(
    'failed_precondition',
    `Something is mounted in ${tree}: ${mounts.join(', ')}. Unmount it first (umount ${mounts.at(-1) ?? ''}), else it would be packed or taken away with the tree.`,
  );
}

/** Names of everything that one build or packing makes in the folder. */
export function placesIn(
  rootimgdir: string,
  taskId: string,
): { tree: string; building: string; old: string; packing: string } {
  const id = taskId.replace(/[^\w-]/g, '_').slice(0, 100);
  return {
    tree: join(rootimgdir, 'rootimg'),
    building: join(rootimgdir, `rootimg.building-${id}`),
    old: join(rootimgdir, `rootimg.old-${id}`),
    packing: join(rootimgdir, `rootimg.packing-${id}`),
  };
}
