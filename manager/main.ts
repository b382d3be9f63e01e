import { HostlerError } from '../shared/errors/error.ts';
import { programVersion } from '../shared/text/version.ts';
import { type ManagerOptions, parseCall, usage } from './arguments.ts';
import { brokerTrustText } from './broker/open.ts';
import { homePaths } from './home.ts';
import { giveBackMemory } from './idle-memory.ts';
import { LocalAgent, agentProgram } from './local-agent.ts';
import { type RunningManager, openManager, shortHostName } from './manager.ts';
import { type FromManager, type ToManager, supervise, supervisedVariable } from './supervisor.ts';

function say(line: string): void {
  process.stderr.write(`hostler-manager: ${line}\n`);
}

/** Ends the process at once: only a fresh start from the disk is sure to be right. */
function fatal(error: HostlerError): void {
  say(error.message);
  process.exit(70);
}

/** Resolves when the process is asked to end. */
function askedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
    // The supervisor is gone.
    process.once('disconnect', () => resolve());
  });
}

async function runManager(options: ManagerOptions): Promise<number> {
  const supervised = process.env[supervisedVariable] === '1' && process.send !== undefined;
  const ending = askedToEnd();
  giveBackMemory();
  const manager = await openManager(options, fatal);
  // It ends with what nobody caught, as it should; the log shall know why.
  process.on('uncaughtExceptionMonitor', (error) => manager.log.fatal({ err: error }, 'a fault ends the manager'));
  const agent = supervised ? undefined : ownAgent(options, manager);
  if (supervised) serveSupervisor(manager);
  try {
    agent?.start();
    const tcp = options.listen === undefined ? '' : `, ${options.listen.host}:${manager.port ?? '?'}`;
    process.stdout.write(
      `hostler-manager ${programVersion()} is ready: home ${options.home}, revision ${manager.revision}, ` +
        `listens on ${homePaths(options.home).socket}${tcp}\n`,
    );
    await ending;
    manager.log.info('stopping');
  } finally {
    await agent?.stop();
    await manager.close();
    if (supervised) process.disconnect();
  }
  return 0;
}

function ownAgent(options: ManagerOptions, manager: RunningManager): LocalAgent | undefined {
  const { home, folders, agentRoles } = options;
  if (agentRoles === undefined) return undefined;
  const name = shortHostName();
  const token = (roles: readonly string[]): Promise<string> => manager.agentToken(roles, name);
  const warn = (line: string): void => manager.log.warn(line);
  return new LocalAgent(
    { home, roles: agentRoles, folders, name, token, say: warn },
    agentProgram(process.env, process.argv[1] ?? ''),
  );
}

function serveSupervisor(manager: RunningManager): void {
  const tell = (message: FromManager): void => void process.send?.(message);
  process.on('message', (message: ToManager) => {
    manager
      .agentToken(message.roles, shortHostName())
      .then((token) => tell({ tell: 'token', number: message.number, token }))
      .catch((error: unknown) => manager.log.error({ err: error }, 'There is no token for the agent on this machine.'));
  });
  tell({ tell: 'ready' });
}

async function main(): Promise<number> {
  const call = parseCall(process.argv.slice(2), process.env);
  if (call.what === 'help') process.stdout.write(usage);
  if (call.what === 'version') process.stdout.write(`hostler-manager ${programVersion()}\n`);
  if (call.what === 'nats-config') process.stdout.write(await brokerTrustText(call.home));
  if (call.what !== 'run') return 0;
  const { options } = call;
  const isRoot = process.getuid?.() === 0;
  if (options.user === undefined || process.env[supervisedVariable] === '1') return runManager(options);
  if (!isRoot)
    throw new HostlerError('permission_denied', 'Only root can start a manager as another user. Leave --user away.');
  return supervise(options, options.user, shortHostName(), say);
}

process.title = 'hostler-manager';
main().then(
  (exit) => {
    process.exitCode = exit;
  },
  (thrown: unknown) => {
    const error = HostlerError.from(thrown);
    say(error.message);
    if (error.code === 'internal') process.stderr.write(`${error.stack ?? ''}\n`);
    process.exitCode = 1;
  },
);
