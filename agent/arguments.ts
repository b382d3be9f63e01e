import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { HostlerError } from '../shared/errors/error.ts';
import { parseBrokers } from '../shared/broker/address.ts';
import type { LinkChoice } from './link/choose.ts';
import type { Address } from './store/server.ts';
import { isAgentName, isRole, roles } from '../shared/identity/names.ts';

/** What the agent was called to do. */
export type Call =
  | { readonly what: 'help' | 'version' | 'boot' | 'boot-files' }
  | { readonly what: 'task'; readonly dir: string; readonly cleanUp: boolean }
  | { readonly what: 'run'; readonly options: RunOptions };

export interface RunOptions {
  readonly home: string;
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  /** The join token, where there is one; read when it is needed. Throws when its file cannot be read. */
  readonly token: () => string | undefined;
  readonly name: string;
  readonly roles: readonly string[];
  readonly installDir: string;
  readonly tftpDir: string;
  readonly once: boolean;
  /** Where the store listens on TCP besides the boot service's address. */
  readonly serve: readonly Address[];
  /** Role relay: where agents behind this one connect. */
  readonly relay: readonly Address[];
  readonly choice: LinkChoice;
}

export const usage = `Usage: hostler-agent --home DIR --manager HOST:PORT|unix:PATH [--token-file FILE] [--roles a,b] [...]
       hostler-agent --boot | --boot-files

Does the work of a Hostler cluster on this machine: builds images, serves boots, runs scripts.

  --home DIR         everything of the agent is kept here: identity, tasks, cache, store
  --manager ADDRESS  HOST:PORT, or unix:PATH for a manager on this machine
  --token TOKEN      the join token, for the first start; other users can see it in the process list, so better:
  --token-file FILE  read it from a file (or set HOSTLER_TOKEN)
  --name NAME        how the cluster calls this agent (default: the host name)
  --roles a,b        what it offers to do: ${roles.join(' ')}
  --install-dir DIR  default: HOME/install
  --tftp-dir DIR     default: HOME/tftpboot
  --serve HOST:PORT  the store (role store) listens there too; may be given more than once
  --relay HOST:PORT  role relay: agents that reach only this machine connect there (--manager HOST:PORT of theirs);
                     may be given more than once
  --link grpc|nats   how it talks with the manager (default: NATS where the manager has a broker and is not on this machine)
  --nats URL         the broker's address, instead of what the manager tells: nats://HOST:PORT, several with commas
  --once             leave when the manager says that everything is done
  --boot             in a netbooted image: everything comes from the kernel command line
  --boot-files       in a netbooted image: fetch its files that not everybody may read, and leave
  --version, --help
`;

const options = {
  boot: { type: 'boolean' },
  'boot-files': { type: 'boolean' },
  'clean-up': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  home: { type: 'string' },
  link: { type: 'string' },
  'install-dir': { type: 'string' },
  manager: { type: 'string' },
  name: { type: 'string' },
  nats: { type: 'string' },
  once: { type: 'boolean' },
  relay: { type: 'string', multiple: true },
  roles: { type: 'string' },
  serve: { type: 'string', multiple: true },
  'tftp-dir': { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  version: { type: 'boolean', short: 'v' },
} as const;

type Values = ReturnType<typeof parse>['values'];

/** Reads arguments and environment. Throws `invalid_argument` with what is wrong. */
export function parseCall(argv: readonly string[], env: NodeJS.ProcessEnv): Call {
  const { values, positionals } = parse(argv);
  if (values.help === true) return { what: 'help' };
  if (values.version === true) return { what: 'version' };
  if (positionals[0] === 'task') {
    const dir = positionals[1];
    if (dir === undefined || positionals.length !== 2) throw wrong('task needs the folder of a task and nothing else');
    return { what: 'task', dir: resolve(dir), cleanUp: values['clean-up'] === true };
  }
  if (positionals.length > 0) throw wrong(`'${positionals[0] ?? ''}' is not understood`);
  if (values['boot-files'] === true) return { what: 'boot-files' };
  return values.boot === true ? { what: 'boot' } : { what: 'run', options: runOptions(values, env) };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (cause) {
    // Node explains at length how an argument could begin with a dash.
    throw wrong((cause instanceof Error ? cause.message : String(cause)).split('. ')[0] ?? '', cause);
  }
}

function runOptions(values: Values, env: NodeJS.ProcessEnv): RunOptions {
  if (values.home === undefined || values.home === '') throw wrong('--home DIR is missing');
  if (values.manager === undefined) throw wrong('--manager HOST:PORT or unix:PATH is missing');
  const home = resolve(values.home);
  const name = values.name ?? hostname().split('.')[0]?.toLowerCase() ?? '';
  if (!isAgentName(name)) throw wrong(`'${name}' cannot be the name of an agent: give another one with --name`);
  const asked = (values.roles ?? '').split(',').filter((role) => role !== '');
  const unknown = asked.find((role) => !isRole(role));
  if (unknown !== undefined) throw wrong(`there is no role '${unknown}'; roles are ${roles.join(', ')}`);
  return {
    home,
    manager: values.manager,
    token: tokenOf(values, env),
    name,
    roles: asked,
    installDir: resolve(values['install-dir'] ?? join(home, 'install')),
    tftpDir: resolve(values['tftp-dir'] ?? join(home, 'tftpboot')),
    once: values.once === true,
    serve: (values.serve ?? []).map(addressOf),
    relay: (values.relay ?? []).map(addressOf),
    choice: choiceOf(values),
  };
}

function choiceOf({ link, nats }: Values): LinkChoice {
  if (link !== undefined && link !== 'grpc' && link !== 'nats') throw wrong(`--link is grpc or nats, not '${link}'`);
  if (nats === undefined) return link === undefined ? {} : { link };
  if (link === 'grpc') throw wrong('--link grpc and --nats exclude each other');
  return { link: 'nats', brokers: parseBrokers(nats) };
}

function addressOf(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw wrong(`'${text}' is no address to listen on: give HOST:PORT`);
  return { host, port };
}

function tokenOf(values: Values, env: NodeJS.ProcessEnv): () => string | undefined {
  const { token = env['HOSTLER_TOKEN'], 'token-file': file } = values;
  if (values.token !== undefined && file !== undefined) throw wrong('--token and --token-file exclude each other');
  if (file === undefined) return () => token || undefined;
  return () => {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (cause) {
      throw wrong(`the token file cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
  };
}

function wrong(why: string, cause?: unknown): HostlerError {
  return new HostlerError('invalid_argument', `${why}. Try 'hostler-agent --help'.`, { cause });
}
