import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { HostlerError } from '../shared/errors/error.ts';
import type { Logger } from '../shared/log/log.ts';
import { programVersion } from '../shared/text/version.ts';
import { parseCall, usage } from './arguments.ts';
import type { Call, RunOptions } from './arguments.ts';
import { say } from './log.ts';

/*
 * `hostler-agent`. What a call does not need is not loaded: a task's process should start fast and stay small.
 */

async function main(): Promise<number> {
  // What rsync calls in place of a remote shell; its other arguments are for a shell and mean nothing here.
  if (process.argv[2] === 'pipe') return (await import('./pipe.ts')).pipeTo(process.argv[3] ?? '');
  if (process.argv[2] === 'genimage')
    return (await import('./by-hand/genimage.ts')).genimageByHand(process.argv.slice(3));
  const call = parseCall(process.argv.slice(2), process.env);
  // Nothing that is started from here has any business with it.
  delete process.env['HOSTLER_TOKEN'];
  switch (call.what) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'version':
      process.stdout.write(`hostler-agent ${programVersion()}\n`);
      return 0;
    case 'task':
      return task(call);
    case 'run':
      return stay(call.options);
    case 'boot':
      return boot();
    case 'boot-files':
      return bootFiles();
  }
}

async function task({ dir, cleanUp }: Extract<Call, { what: 'task' }>): Promise<number> {
  const { cleanUpTask, runTask } = await import('./spool/task-process.ts');
  const { taskKinds } = await import('./tasks/index.ts');
  return (cleanUp ? cleanUpTask : runTask)(dir, taskKinds);
}

async function stay(options: RunOptions): Promise<number> {
  // The process list shows arguments; a token must not stand there longer than it takes to read it.
  process.title = `hostler-agent ${options.home}`;
  const { home, manager, name, choice } = options;
  const { runAgent, enrol, openLog, taskKinds } = await rooms();
  const { loadIdentity } = await import('./identity/identity-files.ts');
  const log = openLog(home);
  const signal = stopSignal();
  return runAgent({
    ...options,
    roles: options.roles.length === 0 ? undefined : options.roles,
    kinds: taskKinds,
    log,
    signal,
    enrol: async (incarnation) => {
      const own = await loadIdentity(home);
      // More roles than the certificate grants: a new one, where a token gives it.
      const valid =
        own !== undefined && own.expiresAt > Date.now() && options.roles.every((role) => own.roles.includes(role));
      const token = valid ? undefined : options.token();
      const proof = token !== undefined && { proof: { by: 'join', token, name, roles: options.roles } as const };
      return enrol({ home, manager, choice, ...proof, log, signal }, incarnation);
    },
  });
}

async function boot(): Promise<number> {
  const { runAgent, openLog, taskKinds } = await rooms();
  const { bootHome: home, enrolBooted, kernelCommandLine, ownMac } = await import('./boot/boot.ts');
  const { proveImage, testAddress } = await import('./boot/image-test.ts');
  const test = testAddress(kernelCommandLine());
  if (test !== undefined) {
    const kinds = taskKinds.map(({ kind, version }) => `${kind}/${version}`);
    await proveImage(test, kinds, stopSignal());
    return 0;
  }
  const { enrolInstalled, installedHome, installedRecord } = await import('./boot/installed.ts');
  const installed = installedRecord();
  // A diskless node may have been given a tree that was captured from an installed one; how it started decides.
  if (installed !== undefined && !/\bhostler\.secure=/.test(kernelCommandLine())) {
    const log = openLog(installedHome);
    const signal = stopSignal();
    return runAgent({
      ...folders(installedHome),
      roles: undefined,
      once: false,
      serve: [],
      card: () => installed.mac,
      kinds: taskKinds,
      log,
      signal,
      enrol: (incarnation) => enrolInstalled({ home: installedHome, log, signal }, installed, incarnation),
    });
  }
  const { imageSettings } = await import('./boot/image-settings.ts');
  const { placeStore } = await import('./boot/store-place.ts');
  const { bootRecord } = await import('./facts/image.ts');
  const log = openLog(home);
  const signal = stopSignal();
  const { mode, roles } = imageSettings();
  await placeStore(home, roles);
  return runAgent({
    ...folders(home),
    roles,
    once: mode === 'once',
    serve: [],
    card: ownMac,
    booted: bootRecord('/'),
    kinds: taskKinds,
    log,
    signal,
    enrol: async (incarnation) => {
      const enrolled = await enrolBooted({ home, log, signal, commandLine: kernelCommandLine() }, incarnation);
      const denied = roles.filter((role) => !enrolled.roles.includes(role));
      if (denied.length > 0) say(notGranted(enrolled.name, denied));
      return enrolled;
    },
  });
}

/** The image is one of a service node, and the manager does not know the node as one. */
function notGranted(node: string, roles: readonly string[]): string {
  return (
    `this image serves (${roles.join(', ')}), but the manager does not know ${node} as a service node: boot it with an ` +
    `osimage of the profile service, or put it into the table servicenode (chdef ${node} setupdhcp=1), and boot it again`
  );
}

function folders(home: string): { home: string; installDir: string; tftpDir: string } {
  return { home, installDir: join(home, 'install'), tftpDir: join(home, 'tftpboot') };
}

async function bootFiles(): Promise<number> {
  const { openLog } = await rooms();
  const { bootHome: home, kernelCommandLine } = await import('./boot/boot.ts');
  const { bringNodeFiles } = await import('./boot/node-files.ts');
  await bringNodeFiles({ home, log: openLog(home), signal: stopSignal(), commandLine: kernelCommandLine() }, '/');
  return 0;
}

async function rooms() {
  const { runAgent } = await import('./agent.ts');
  const { enrol } = await import('./enrol.ts');
  const logs = await import('../shared/log/log.ts');
  const { taskKinds } = await import('./tasks/index.ts');
  const openLog = (home: string): Logger => {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return logs.openLog({ file: join(home, 'agent.log'), level: 'info', program: 'hostler' });
  };
  return { runAgent, enrol, openLog, taskKinds };
}

/** SIGTERM and Ctrl-C ask the agent to leave; its tasks go on. A second Ctrl-C does not wait. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted && name === 'SIGINT') process.exit(130);
      stop.abort(new HostlerError('cancelled', `the agent was told to stop (${name})`));
    });
  }
  process.on('SIGHUP', () => {});
  return stop.signal;
}

main().then(
  (code) => process.exit(code),
  (thrown: unknown) => {
    const error = HostlerError.from(thrown);
    const stopped = error.code === 'cancelled';
    if (!stopped) say(error.message);
    process.exit(stopped ? 0 : error.code === 'invalid_argument' ? 2 : 1);
  },
);
