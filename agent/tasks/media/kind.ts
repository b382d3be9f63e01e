import { lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { folderArch } from '../../../shared/distro/media-words.ts';
import { recognise } from '../../../shared/distro/media.ts';
import type { Medium } from '../../../shared/distro/media.ts';
import { mediaKind, mediaVersion } from '../../../shared/task/media.ts';
import type {
  MediaCalled,
  MediaCopied,
  MediaCopySpec,
  MediaFound,
  MediaLooked,
  MediaLookSpec,
} from '../../../shared/task/media.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { checkedFolder } from '../image-tree/folder.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { digestsOf } from './checksums.ts';
import { copyMedium } from './copy.ts';
import type { Places } from './copy.ts';
import { wantedEntries } from './entries.ts';
import { openFolder } from './folder.ts';
import { openIso } from './iso.ts';
import { profileFiles, shareFolder } from './lists.ts';
import { mediumText } from './medium.ts';
import type { OpenMedium } from './medium.ts';
import { fingerprintOf, isNoted, note, publish } from './publish.ts';
import { checkedMedia } from './spec.ts';

/** copycds: looks at an installation medium, or copies it below /install. */
export const media: TaskKind = {
  kind: mediaKind,
  version: mediaVersion,
  // Where images are built or kept: whoever reads the copy afterwards reads it from this machine's disk.
  roles: ['build', 'store'],
  // What a copy leaves when it dies stays hidden, and is taken up again by the same command.
  run: (context) => {
    const spec = checkedMedia(context.spec);
    return spec.action === 'look' ? lookAt(spec, context) : copyOne(spec, context);
  },
};

async function lookAt(spec: MediaLookSpec, { signal }: TaskContext): Promise<{ readonly looked: MediaLooked[] }> {
  const looked: MediaLooked[] = [];
  for (const path of spec.media) {
    try {
      const found = await withMedium(path, signal, (medium) => recognised(medium, spec));
      looked.push({ found: found ?? null, problem: '' });
    } catch (thrown) {
      signal.throwIfAborted();
      looked.push({ found: null, problem: HostlerError.from(thrown).message });
    }
  }
  return { looked };
}

function copyOne(spec: MediaCopySpec, context: TaskContext): Promise<MediaCopied> {
  return withMedium(spec.medium, context.signal, async (medium) => {
    const found = await recognised(medium, spec);
    if (found === undefined) {
      throw new HostlerError('failed_precondition', `${spec.medium} is another medium than it was a moment ago.`);
    }
    const kept = `What was copied until then is hidden beside ${found.target}; the same command goes on from there.`;
    return await explainingFullDisk(`The copy of ${spec.medium}`, kept, () => copy(medium, found, spec, context));
  });
}

async function withMedium<T>(path: string, signal: AbortSignal, use: (medium: OpenMedium) => Promise<T>): Promise<T> {
  const medium = await openMedium(path, signal);
  try {
    return await use(medium);
  } finally {
    await medium.close();
  }
}

async function openMedium(path: string, signal: AbortSignal): Promise<OpenMedium> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) return await openFolder(path, signal);
    if (info.isFile() || info.isBlockDevice()) {
      // What is no ISO image holds nothing by which it could be recognised.
      return (await openIso(path, signal)) ?? { entries: [], chunks: nothing, close: () => Promise.resolve() };
    }
  } catch (cause) {
    if (cause instanceof HostlerError || signal.aborted) throw cause;
    throw unreadable(path, cause);
  }
  throw unreadable(path);
}

async function* nothing(): AsyncGenerator<Buffer> {
  // no files
}

function unreadable(path: string, cause?: unknown): HostlerError {
  return new HostlerError(
    'not_found',
    `The management server was unable to find/read ${path}. Ensure that file exists on the server at the specified location.`,
    { cause },
  );
}

async function recognised(medium: OpenMedium, spec: MediaCalled): Promise<MediaFound | undefined> {
  const found = recognise(await mediumText(medium), { name: spec.name, arch: spec.arch });
  if (found === undefined) return undefined;
  const arch = archOf(found, spec.arch);
  const path = await checkedFolder(
    spec.path === '' ? join(spec.installdir, found.osvers, arch) : spec.path,
    'The folder',
  );
  return {
    osvers: found.osvers,
    arch,
    shownArch: found.shownArch === '' ? arch : found.shownArch,
    disc: found.disc,
    path,
    target: join(path, found.folder),
    // One folder a disc: of SUSE's the release's folder is listed, of Debian's each is a repository.
    pkgdir: found.family === 'debian' ? join(path, found.folder) : path,
  };
}

/** Throws `invalid_argument` when it is another than the one asked for, or nobody says which. */
function archOf(found: Medium, asked: string): string {
  const wanted = folderArch(asked);
  if (found.arch !== '' && asked !== '' && wanted !== found.arch && asked !== found.shownArch) {
    const what = `Requested ${found.calls} architecture ${asked}, but media is ${found.arch}`;
    throw new HostlerError('invalid_argument', what);
  }
  const arch = found.arch === '' ? wanted : found.arch;
  if (arch !== '') return arch;
  throw new HostlerError('invalid_argument', 'copycds could not identify the ARCH, you may wish to try -a <arch>.');
}

async function copy(
  medium: OpenMedium,
  found: MediaFound,
  spec: MediaCopySpec,
  context: TaskContext,
): Promise<MediaCopied> {
  const began = process.hrtime.bigint();
  const wanted = wantedEntries(medium.entries);
  const fingerprint = fingerprintOf(medium.entries);
  const lists = {
    install: await profileFiles('install', found.osvers, found.arch, spec.installdir, shareFolder()),
    netboot: await profileFiles('netboot', found.osvers, found.arch, spec.installdir, shareFolder()),
  };
  if (spec.nonoverwrite) {
    for (const folder of [found.path, ...spec.dirpaths]) {
      if (!(await isNoted(folder, fingerprint))) continue;
      const counts = { files: 0, bytes: 0, kept: 0, verified: 0, seconds: 0 };
      return { outcome: 'present', ...counts, warnings: [], ...lists };
    }
  }
  context.progress('reading', 'the digests that the medium names');
  const digests = await digestsOf(medium);
  const places = await placesOf(found.target, fingerprint);
  const counts = await copyMedium(medium, wanted, digests, places, context);
  context.progress('finishing', 'making the copy last');
  await publish(wanted, places);
  await note(found.path, fingerprint);
  const seconds = Number((process.hrtime.bigint() - began) / 1_000_000n) / 1000;
  return { outcome: 'copied', ...counts, seconds, warnings: [...wanted.warnings], ...lists };
}

/** A link that an administrator put in the place of the folder is followed: the copy goes where it leads. */
async function placesOf(target: string, fingerprint: string): Promise<Places> {
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const info = await lstat(target).catch(() => undefined);
  const real = info?.isSymbolicLink() === true ? await realpath(target) : target;
  return { target: real, staging: join(dirname(real), `.${basename(real)}.copying-${fingerprint.slice(0, 12)}`) };
}
