import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { checkedFacts } from '../../../../shared/clone/facts.ts';
import type { CloneFacts } from '../../../../shared/clone/facts.ts';
import { overridesFor, type ClonePiece } from '../../../../shared/clone/pieces.ts';
import { excludeLines, updateExclude } from '../../../../shared/clone/update.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { cloneServeKind, cloneSyncVersion, syncModules } from '../../../../shared/task/clone-sync.ts';
import type { CloneServeSpec, CloneTaker, SyncAbout } from '../../../../shared/task/clone-sync.ts';
import { captureFile } from '../../../store/captures.ts';
import { needBlob } from '../../../store/need-blob.ts';
import { existsInside } from '../../image-tree/inside.ts';
import { withLock } from '../../image-tree/lock.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { generationTree, goldenPlaces } from '../generations/places.ts';
import { unpackArguments } from '../generations/unpack.ts';
import { treeOf } from '../generations/use.ts';
import { pieceFolders } from '../pieces/pack.ts';
import { Slots } from './slots.ts';
import { checkedServe } from './spec.ts';

/** So many nodes are served at a time; the others wait on their line. */
const atOnce = 8;
/** A node that says nothing for so long while it is served is gone. Its own rsync gives up sooner (fetch.ts). */
const silenceMs = 15 * 60_000;

/** On the agent that keeps a golden image: lets nodes fetch what changed, each its own overrides and no others. */
export const cloneServe: TaskKind = {
  kind: cloneServeKind,
  version: cloneSyncVersion,
  roles: ['store'],
  run: async (context) => {
    const spec = await checkedServe(context.spec);
    const places = goldenPlaces(spec.version.tree);
    await mkdir(dirname(spec.version.tree), { recursive: true, mode: 0o700 });
    const generation = await withLock(places.treeLock, 'wait', context.signal, () =>
      treeOf(spec.version, places, context),
    );
    // While this lasts the tree is not taken away.
    return withLock(places.treeLock, 'shared', context.signal, async () => {
      const facts = await factsOf(spec, context);
      const configs = await prepare(spec, facts, generationTree(places, generation.id), context);
      await serveAll(spec.takers, configs, context);
      return {};
    });
  },
  cleanUp: async (context) => {
    const spec = await checkedServe(context.spec).catch(() => undefined);
    for (const { ticket } of spec?.takers ?? []) await rm(captureFile(context.home, ticket), { force: true });
  },
};

async function factsOf({ version }: CloneServeSpec, context: TaskContext): Promise<CloneFacts> {
  const work = join(context.dir, 'facts');
  await mkdir(work, { recursive: true, mode: 0o700 });
  return checkedFacts(
    JSON.parse(await readFile((await needBlob(version.facts, version.store, work, context)).file, 'utf8')),
  );
}

/** One configuration a node, by its ticket: rsyncd.conf(5), nothing but its own folders, each a jail. */
async function prepare(
  spec: CloneServeSpec,
  facts: CloneFacts,
  tree: string,
  context: TaskContext,
): Promise<Map<string, string>> {
  const { scripts } = pieceFolders(spec.version.tree);
  const list = join(dirname(scripts), `${spec.version.image}.update.exclude`);
  const text = await readFile(list, 'utf8').catch(() => undefined);
  const own = text === undefined ? undefined : excludeLines(text);
  for (const line of own?.odd ?? []) context.log(`Warning: ${list}: no absolute path: ${line}`);
  // SystemImager's list, where the golden client had one.
  const captured = await existsInside(tree, 'etc/systemimager/updateclient.local.exclude');
  const inImage = excludeLines(captured === undefined ? '' : await readFile(captured, 'utf8')).patterns;
  const mounts = facts.layout.filesystems.flatMap((one) => one.mounts.map(({ at }) => at));
  const folders = new Map<string, string>();
  const configs = new Map<string, string>();
  for (const [at, taker] of spec.takers.entries()) {
    const wanted = overridesFor(facts.pieces, { image: facts.image, ...taker });
    const modules: string[] = [];
    for (const piece of wanted) {
      let folder = folders.get(piece.digest);
      if (folder === undefined) {
        folder = await unpackPiece(spec, piece, join(context.dir, 'overrides', piece.digest.slice(0, 16)), context);
        folders.set(piece.digest, folder);
      }
      modules.push(folder);
    }
    const about: SyncAbout = {
      format: 1,
      exclude: [...updateExclude(facts, own?.patterns), ...inImage],
      mounts,
      overrides: modules.length,
    };
    const folder = join(context.dir, 'about', String(at));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, 'sync.json'), JSON.stringify(about), { mode: 0o600 });
    const config = join(context.dir, `rsyncd-${at}.conf`);
    const lines = [
      ...['use chroot = yes', 'uid = 0', 'gid = 0', 'numeric ids = yes', 'read only = yes', 'list = no'],
      ...['munge symlinks = no', 'max verbosity = 0', 'refuse options = copy-links copy-unsafe-links'],
      ...[`[${syncModules.about}]`, `path = ${folder}`, `[${syncModules.root}]`, `path = ${tree}`],
      ...modules.flatMap((path, index) => [`[${syncModules.override(index)}]`, `path = ${path}`]),
    ];
    await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
    configs.set(taker.ticket, config);
  }
  return configs;
}

async function unpackPiece(
  spec: CloneServeSpec,
  piece: ClonePiece,
  folder: string,
  context: TaskContext,
): Promise<string> {
  if (spec.pieces === '') throw new HostlerError('data_loss', `The override ${piece.name} was not kept.`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { file } = await needBlob(spec.pieces, spec.version.store, join(context.dir, 'facts'), context);
  await run('tar', unpackArguments(folder), {
    input: createReadStream(file, { start: piece.at, end: piece.at + piece.bytes - 1 }),
    signal: context.signal,
  });
  return folder;
}

/** Until it is stopped, which the manager does when all nodes have ended. */
async function serveAll(
  takers: readonly CloneTaker[],
  configs: ReadonlyMap<string, string>,
  context: TaskContext,
): Promise<void> {
  const path = join(context.home, `${takers[0]?.ticket.slice(0, 8) ?? 'none'}.n`);
  const slots = new Slots(atOnce);
  const open = new Set<Socket>();
  await rm(path, { force: true });
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    void greeted(socket)
      .then((ticket) => slots.during(() => answer(socket, configs.get(ticket), context)))
      .catch((error: unknown) => context.log(HostlerError.from(error).message))
      .finally(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  try {
    await mkdir(dirname(captureFile(context.home, '')), { recursive: true, mode: 0o700 });
    for (const { node, ticket } of takers) {
      const record = { agent: node, socket: path, many: true };
      await writeFile(captureFile(context.home, ticket), JSON.stringify(record), { mode: 0o600 });
    }
    context.progress('serve', `${takers.length} nodes may fetch`);
    await aborted(context.signal);
  } finally {
    for (const { ticket } of takers) await rm(captureFile(context.home, ticket), { force: true });
    for (const socket of open) socket.destroy();
    await closed(server);
    await rm(path, { force: true });
  }
}

/** The line that our own agent writes first: which node this is. */
async function greeted(socket: Socket): Promise<string> {
  let text = '';
  while (!text.includes('\n') && text.length < 64) {
    const piece = socket.read(1) as Buffer | null;
    if (piece !== null) text += piece.toString('latin1');
    else if (socket.destroyed || socket.readableEnded)
      throw new HostlerError('cancelled', 'A line was closed at once.');
    else
      await new Promise<void>((resolve) => {
        const done = (): void => {
          for (const name of ['readable', 'close', 'end']) socket.off(name, done);
          resolve();
        };
        for (const name of ['readable', 'close', 'end']) socket.once(name, done);
      });
  }
  return text.trim();
}

async function answer(socket: Socket, config: string | undefined, context: TaskContext): Promise<void> {
  if (config === undefined || socket.destroyed) return;
  socket.setTimeout(silenceMs, () => socket.destroy());
  await run('rsync', ['--server', '--daemon', `--config=${config}`, '.'], {
    input: Readable.from(socket),
    output: socket,
    signal: context.signal,
    env: { LC_ALL: 'C' },
    onLine: (line) => context.log(line),
    allowExit: 'any',
  });
}

/** Rejects with the reason of the stop. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(HostlerError.from(signal.reason));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
