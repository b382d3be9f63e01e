import { HostlerError } from '../../shared/errors/error.ts';
import type { AgentSummary__Output } from '../../shared/wire/generated/hostler/v1/AgentSummary.ts';
import type { CreateTokenReply__Output } from '../../shared/wire/generated/hostler/v1/CreateTokenReply.ts';
import type { ListAgentsReply__Output } from '../../shared/wire/generated/hostler/v1/ListAgentsReply.ts';
import type { CommandLine } from '../command.ts';
import { clockTime, table } from '../show/format.ts';
import { numberOption, printJson, wantsJson, withManager } from './ask.ts';

export async function agentsCommand(line: CommandLine, command: string): Promise<number> {
  const [action = 'list', name] = line.operands;
  switch (action) {
    case 'list':
      return list(line, command);
    case 'token':
      return token(line, command);
    case 'approve':
    case 'revoke':
      return decide(line, command, action, name);
    default:
      throw new HostlerError(
        'invalid_argument',
        `There is no 'hostler agents ${action}'; there are list, approve, revoke and token.`,
      );
  }
}

async function list(line: CommandLine, command: string): Promise<number> {
  const { agents } = await withManager(command, (manager) =>
    manager.ask<ListAgentsReply__Output>((client, metadata, options, callback) =>
      client.listAgents({}, metadata, options, callback),
    ),
  );
  if (wantsJson(line)) return printJson(agents.map((agent) => ({ ...agent, facts: parsed(agent.facts) })));
  if (line.options['long'] !== undefined) for (const agent of agents) process.stdout.write(`${long(agent)}\n`);
  else if (agents.length === 0) process.stdout.write('No agent has joined.\n');
  else process.stdout.write(table([['agent', 'state', 'roles', 'version', 'link', 'last seen'], ...agents.map(row)]));
  return 0;
}

function row(agent: AgentSummary__Output): string[] {
  return [
    agent.name,
    agent.state,
    agent.roles.join(',') || agent.kind,
    agent.version,
    linkOf(agent),
    clockTime(agent.lastSeen),
  ];
}

/** `nats`, or `nats by RELAY`. */
function linkOf({ link, relay }: AgentSummary__Output): string {
  return relay === '' || link === '' ? link : `${link} by ${relay}`;
}

function long(agent: AgentSummary__Output): string {
  const rows = [
    ['agent', agent.name],
    ['state', agent.state],
    ['kind', agent.kind],
    ['roles', agent.roles.join(',')],
    ['version', agent.version],
    ['link', linkOf(agent)],
    ['last seen', clockTime(agent.lastSeen)],
    ['incarnation', agent.incarnation],
    ['certificate', `${agent.serial} until ${clockTime(agent.expiresAt)}`],
  ];
  const facts = parsed(agent.facts);
  return `${table(rows)}${facts === undefined ? '' : `${JSON.stringify(facts, undefined, 2)}\n`}`;
}

function parsed(facts: string): unknown {
  if (facts === '') return undefined;
  try {
    return JSON.parse(facts) as unknown;
  } catch {
    // What an agent said; shown as it is.
    return facts;
  }
}

async function token(line: CommandLine, command: string): Promise<number> {
  const roles = (line.options['roles'] ?? []).flatMap((text) => text.split(',')).filter((role) => role !== '');
  if (roles.length === 0)
    throw new HostlerError(
      'invalid_argument',
      'Say which roles the joining agent may take, such as --roles build,store.',
    );
  const request = {
    roles,
    name: line.options['name']?.at(-1) ?? '',
    lifetime: numberOption(line, 'lifetime'),
    uses: numberOption(line, 'uses'),
    approval: line.options['approval'] !== undefined,
  };
  const reply = await withManager(command, (manager) =>
    manager.ask<CreateTokenReply__Output>((client, metadata, options, callback) =>
      client.createToken(request, metadata, options, callback),
    ),
  );
  if (wantsJson(line)) return printJson(reply);
  // The token alone on standard output, for scripts; what it is good for beside it.
  process.stdout.write(`${reply.token}\n`);
  process.stderr.write(`Good until ${clockTime(reply.expiresAt)}. The manager's authority: ${reply.caFingerprint}\n`);
  return 0;
}

async function decide(
  line: CommandLine,
  command: string,
  action: 'approve' | 'revoke',
  name: string | undefined,
): Promise<number> {
  if (name === undefined) throw new HostlerError('invalid_argument', `Say which agent: hostler agents ${action} NAME.`);
  const agent = await withManager(command, (manager) =>
    manager.ask<AgentSummary__Output>((client, metadata, options, callback) =>
      action === 'approve'
        ? client.approveAgent({ name }, metadata, options, callback)
        : client.revokeAgent({ name }, metadata, options, callback),
    ),
  );
  if (wantsJson(line)) return printJson(agent);
  process.stdout.write(`${agent.name}: ${agent.state}\n`);
  return 0;
}
