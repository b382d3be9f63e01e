import { lstat, mkdir, open, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityFiles } from '../../../../shared/clone/identity.ts';
import { autoinstallConf } from '../../../../shared/clone/systemimager/autoinstall-conf.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { Layout } from '../../../../shared/layout/layout.ts';
import { run } from '../../../../shared/process/run.ts';
import { captureClassicKind, captureClassicVersion } from '../../../../shared/task/capture-classic.ts';
import type { CaptureClassicResult, CaptureClassicSpec } from '../../../../shared/task/capture-classic.ts';
import { Fields } from '../../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { layoutOf } from '../machine/layout-of.ts';
import { machineReport } from '../machine/report.ts';

/** The module that nobody has: asking for it means that all was fetched (facts systemimager.md, section 1). */
const completed = '__cloning_completed__';

export const captureClassic: TaskKind = {
  kind: captureClassicKind,
  version: captureClassicVersion,
  roles: ['golden', 'node'],
  run: async (context) => {
    const fields = new Fields(context.spec, captureClassicKind);
    const spec = { server: fields.text('server'), port: fields.count('port') };
    if (!isIPv4(spec.server) || spec.port < 1 || spec.port > 65_535)
      throw new HostlerError('invalid_argument', 'The image server must be named by its IPv4 address.');
    const layout = layoutOf(await machineReport(context.signal));
    // With everything that is mounted: SystemImager passes by what is no disk's.
    const mounted = (await run('mount', [], { signal: context.signal, env: { LC_ALL: 'C' } })).stdout;
    const address = await addressTo(spec.server, context);
    return { ...(await serveClassic(spec, { root: '/', layout, mounted, address }, context)) };
  },
  cleanUp: async (context) => {
    await removeWritten('/', context);
  },
};

/** Of this machine, as that server sees it. */
async function addressTo(server: string, context: TaskContext): Promise<string> {
  const { stdout } = await run('ip', ['-json', 'route', 'get', server], { signal: context.signal });
  const [route] = JSON.parse(stdout) as { prefsrc?: string }[];
  if (route?.prefsrc === undefined)
    throw new HostlerError('failed_precondition', `There is no way from here to the image server ${server}.`);
  return route.prefsrc;
}

export interface ClassicPlace {
  /** `/` on a golden client. */
  readonly root: string;
  readonly layout: Layout;
  /** What `mount` prints. */
  readonly mounted: string;
  /** That is listened on, and no other. */
  readonly address: string;
}

/** Serves one capture and closes. Files that SystemImager looks for are there meanwhile, and gone afterwards. */
export async function serveClassic(
  spec: CaptureClassicSpec,
  place: ClassicPlace,
  context: TaskContext,
): Promise<CaptureClassicResult> {
  const log = join(context.dir, 'rsyncd.log');
  const config = join(context.dir, 'rsyncd-classic.conf');
  await rm(log, { force: true });
  await writeFile(config, configText(spec, place, log, context), { mode: 0o600 });
  const fstab = await readFile(join(place.root, 'etc/fstab'), 'utf8').catch(() => '');
  await write(place.root, context, {
    mounted_filesystems: place.mounted,
    'autoinstallscript.conf': autoinstallConf(place.layout, fstab),
  });
  const stop = new AbortController();
  const daemon = run('rsync', ['--daemon', '--no-detach', `--config=${config}`], {
    signal: AbortSignal.any([context.signal, stop.signal]),
    env: { LC_ALL: 'C' },
    graceMs: 2000,
  });
  const failed = daemon.then(
    () => new HostlerError('unavailable', 'The rsync daemon ended by itself.'),
    (error: unknown) => HostlerError.from(error),
  );
  try {
    context.log(`listening on ${place.address}:${spec.port} for ${spec.server}, unencrypted, until it has all`);
    context.progress('classic', `waiting for si_getimage on ${spec.server}`);
    const connections = await Promise.race([
      finished(log, spec, context),
      failed.then((error) => Promise.reject(error)),
    ]);
    context.log(`${spec.server} has all; the port is closed`);
    return { address: place.address, connections };
  } finally {
    stop.abort(new HostlerError('cancelled', 'the capture is over'));
    await failed;
    await removeWritten(place.root, context);
  }
}

/** rsyncd.conf(5), as si_prepareclient writes it, but bound to one address, and without what makes a machine that machine. */
function configText(
  spec: CaptureClassicSpec,
  { root, address }: ClassicPlace,
  log: string,
  context: TaskContext,
): string {
  const hidden = [...identityFiles.filter((one) => !one.startsWith('/var/lib/hostler')), '/var/lib/hostler'];
  const home = root === '/' ? context.home : '';
  const own = home === '' || home.startsWith('/var/lib/hostler') ? [] : [home];
  return [
    ...[`address = ${address}`, `port = ${spec.port}`, `log file = ${log}`, 'use chroot = yes', 'uid = 0', 'gid = 0'],
    ...['numeric ids = yes', 'timeout = 900', 'read only = yes', 'list = yes', 'max connections = 4'],
    ...[`hosts allow = ${spec.server}/32`, 'hosts deny = *'],
    ...['dont compress = *.gz *.tgz *.zip *.z *.rpm *.deb *.iso *.bz2 *.tbz *.xz *.zst'],
    ...['[root]', `path = ${root}`, `exclude = ${[...hidden, ...own].join(' ')}`, ''],
  ].join('\n');
}

/** Resolves to how many connections there were when the server asks for the module that means the end. */
async function finished(log: string, spec: CaptureClassicSpec, context: TaskContext): Promise<number> {
  for (;;) {
    const text = await readFile(log, 'utf8').catch(() => '');
    const lines = text.split('\n');
    // Only from the image server: anybody may ask a daemon for a module that it has not.
    const over = lines.some((line) => line.split(/\s+/)[5] === `'${completed}'` && line.includes(`(${spec.server})`));
    if (over) return lines.filter((line) => / connect from /.test(line) && line.includes(`(${spec.server})`)).length;
    await delay(200, undefined, { signal: context.signal });
  }
}

const folder = 'etc/systemimager';
const noteOf = (context: TaskContext): string => join(context.dir, 'written.json');

/** What was not there before, noted before it is written: it goes again, however this ends. */
async function write(root: string, context: TaskContext, files: Readonly<Record<string, string>>): Promise<void> {
  const place = join(root, folder);
  const there = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;
  const fresh: string[] = [];
  for (const name of Object.keys(files)) if (!(await there(join(place, name)))) fresh.push(name);
  await writeFile(noteOf(context), JSON.stringify({ folder: !(await there(place)), files: fresh }), { mode: 0o600 });
  await mkdir(place, { recursive: true, mode: 0o755 });
  for (const name of fresh) {
    const handle = await open(join(place, name), 'wx', 0o644);
    await handle.writeFile(files[name] ?? '');
    await handle.close();
  }
}

async function removeWritten(root: string, context: TaskContext): Promise<void> {
  const note = await readFile(noteOf(context), 'utf8').catch(() => undefined);
  if (note === undefined) return;
  const written = JSON.parse(note) as { folder: boolean; files: string[] };
  for (const name of written.files) await rm(join(root, folder, name), { force: true });
  if (written.folder) await rmdir(join(root, folder)).catch(() => {}); // somebody else keeps something there now
  await rm(noteOf(context), { force: true });
}
