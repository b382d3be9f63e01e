import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { HostlerError } from '../shared/errors/error.ts';
import { parseBrokers } from '../shared/broker/address.ts';
import { isRole, roles as knownRoles } from '../shared/identity/names.ts';
import { type LogLevel, logLevels } from '../shared/log/log.ts';
import { which } from '../shared/process/which.ts';
import type { Folders } from '../shared/verb/asked.ts';

export interface ManagerOptions {
  readonly home: string;
  /** Where agents and remote people connect, besides the socket. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** The link over NATS: a broker of our own, or the addresses (HOST:PORT) of one that is there. */
  readonly nats?:
    { readonly embedded: { readonly host: string; readonly port: number } } | { readonly servers: readonly string[] };
  /** Roles of the agent on this machine, as they are now; undefined: no agent is started. */
  readonly agentRoles: (() => readonly string[]) | undefined;
  readonly folders: Folders;
  /** User to run as; only root can change it. */
  readonly user?: string;
  readonly logLevel: LogLevel;
}

export type Call =
  | { readonly what: 'help' | 'version' }
  | { readonly what: 'nats-config'; readonly home: string }
  | { readonly what: 'run'; readonly options: ManagerOptions };

/** What the agent on the manager's machine offers unless told otherwise. */
const defaultRoles = ['build', 'boot', 'store'] as const;

/** Beside these, `nim` where the programs of a NIM master are found, or one is named that is reached over ssh. */
function rolesHere(env: NodeJS.ProcessEnv): string[] {
  const isMaster = ['lsnim', 'nim_master_setup'].some((program) => which(program, env['PATH']) !== undefined);
  return [...defaultRoles, ...(isMaster || env['HOSTLER_NIM_MASTER'] ? ['nim'] : [])];
}

export const usage = `Usage: hostler-manager [--home DIR] [--listen HOST:PORT] [...]

Decides what happens on a cluster: keeps the definitions, runs the commands, tells the agents what to do.

  --home DIR           everything is kept here (default: HOSTLER_HOME, else ~/.hostler)
  --listen HOST:PORT   serve agents and people on TCP too, over mutual TLS; without it only DIR/manager.sock
  --nats embedded      start a broker (nats-server) too, and let agents come by way of it; or
  --nats URL           use one that is there: nats://HOST:PORT, several with commas. It has to trust this manager:
  --nats-config        print what stands in the configuration of such a broker, and leave
  --nats-listen HOST:PORT  where the embedded broker listens (default: the host of --listen, else 127.0.0.1; port 4222);
                       leaf nodes of relays connect 3200 above it
  --no-agent           do not start an agent on this machine
  --agent-roles a,b    what that agent offers to do (default: ${defaultRoles.join(',')}, and nim on a NIM master; there are ${knownRoles.join(' ')})
  --install-dir DIR    images, package lists, postscripts (default: DIR/install; under systemd: /install)
  --tftp-dir DIR       what is served by TFTP (default: DIR/tftpboot; under systemd: /tftpboot)
  --hosts-file FILE    what makehosts writes (default: DIR/hosts; under systemd: /etc/hosts)
  --user USER          run as this user; the agent started here stays root. Name or number; only root can do this
  --log-level LEVEL    ${logLevels.join(' ')} (default: info). The log is DIR/log/manager.log
  --version, --help
`;

const known = {
  home: { type: 'string' },
  listen: { type: 'string' },
  'no-agent': { type: 'boolean' },
  'agent-roles': { type: 'string' },
  'install-dir': { type: 'string' },
  'tftp-dir': { type: 'string' },
  'hosts-file': { type: 'string' },
  user: { type: 'string' },
  nats: { type: 'string' },
  'nats-config': { type: 'boolean' },
  'nats-listen': { type: 'string' },
  'log-level': { type: 'string' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof known }>>['values'];

/** Reads arguments and environment. Throws `invalid_argument` with what is wrong. */
export function parseCall(argv: readonly string[], env: NodeJS.ProcessEnv): Call {
  const values = parse(argv);
  if (values.help === true) return { what: 'help' };
  if (values.version === true) return { what: 'version' };
  const home = homeOf(values, env);
  if (values['nats-config'] === true) return { what: 'nats-config', home };
  const listen = values.listen === undefined ? undefined : addressOf('--listen', values.listen);
  const nats = natsOf(values, listen?.host ?? '127.0.0.1');
  // Checked now; looked for again while the manager runs.
  rolesOf(values['agent-roles'], env);
  return {
    what: 'run',
    options: {
      home,
      ...(listen !== undefined && { listen }),
      ...(nats !== undefined && { nats }),
      agentRoles: values['no-agent'] === true ? undefined : () => rolesOf(values['agent-roles'], env),
      folders: foldersOf(values, home, env),
      ...(values.user !== undefined && { user: values.user }),
      logLevel: levelOf(values['log-level']),
    },
  };
}

function parse(argv: readonly string[]): Values {
  try {
    return parseArgs({ args: [...argv], options: known, strict: true }).values;
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** systemd names the unit's state folder; nobody else sets this. */
function stateFolder(env: NodeJS.ProcessEnv): string | undefined {
  return env['STATE_DIRECTORY']?.split(':')[0] || undefined;
}

function homeOf(values: Values, env: NodeJS.ProcessEnv): string {
  return resolve(values.home || env['HOSTLER_HOME'] || stateFolder(env) || join(homedir(), '.hostler'));
}

function foldersOf(values: Values, home: string, env: NodeJS.ProcessEnv): Folders {
  const system = stateFolder(env) !== undefined;
  const folder = (given: string | undefined, name: string, inSystem: string): string =>
    resolve(given || (system ? inSystem : join(home, name)));
  return {
    install: folder(values['install-dir'], 'install', '/install'),
    tftp: folder(values['tftp-dir'], 'tftpboot', '/tftpboot'),
    hostsFile: folder(values['hosts-file'], 'hosts', '/etc/hosts'),
    share: env['HOSTLER_SHARE'] || shareHere(),
  };
}

/** The share folder lies beside the program. */
function shareHere(): string {
  const program = process.argv[1] ?? '';
  return join(dirname(existsSync(program) ? realpathSync(program) : resolve(program)), 'share');
}

function natsOf({ nats, 'nats-listen': at }: Values, host: string): ManagerOptions['nats'] {
  if (nats !== 'embedded' && at !== undefined) throw wrong('--nats-listen belongs to --nats embedded');
  if (nats === undefined) return undefined;
  if (nats !== 'embedded') return { servers: parseBrokers(nats) };
  return { embedded: at === undefined ? { host, port: 4222 } : addressOf('--nats-listen', at) };
}

function addressOf(option: string, text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw wrong(`${option} '${text}' is not HOST:PORT`);
  return { host: match[1] ?? match[2] ?? '', port };
}

function rolesOf(text: string | undefined, env: NodeJS.ProcessEnv): readonly string[] {
  const asked = text === undefined ? rolesHere(env) : text.split(',').filter((role) => role !== '');
  const unknown = asked.find((role) => !isRole(role));
  if (unknown !== undefined) throw wrong(`there is no role '${unknown}'; roles are ${knownRoles.join(', ')}`);
  return asked;
}

function levelOf(text: string | undefined): LogLevel {
  const level = logLevels.find((each) => each === (text ?? 'info'));
  if (level === undefined) throw wrong(`--log-level '${text ?? ''}' is none of ${logLevels.join(', ')}`);
  return level;
}

function wrong(why: string, cause?: unknown): HostlerError {
  return new HostlerError('invalid_argument', `${why}. Try 'hostler-manager --help'.`, { cause });
}
