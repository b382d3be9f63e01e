import type { CommandDefinition, CommandLine } from '../command.ts';

/** A sub-command of `hostler`: not a verb, but a question of its own to the manager, or none. */
export interface SubCommand extends CommandDefinition {
  /** Returns the exit code. `command`: the command line in short. */
  readonly run: (line: CommandLine, command: string) => Promise<number>;
  /** Left out of the overview. */
  readonly hidden?: boolean;
}

const jobs: SubCommand = {
  name: 'jobs',
  summary: 'list jobs, newest first',
  usage: ['[--running] [-n COUNT]'],
  options: [
    { long: 'running', help: 'Only jobs that have not ended' },
    { long: 'limit', short: 'n', value: 'COUNT', help: 'How many at most (50)' },
  ],
  run: async (line, command) => (await import('./jobs.ts')).listJobs(line, command),
};

const job: SubCommand = {
  name: 'job',
  summary: 'show one job: its steps, what it said, its log',
  usage: ['ID [--log] [--follow]'],
  options: [
    { long: 'log', short: 'l', help: "Show the tasks' log" },
    { long: 'follow', short: 'f', help: 'Show what comes until the job ends; exit as the job did' },
  ],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
  run: async (line, command) => (await import('./job.ts')).showOneJob(line, command),
};

const cancel: SubCommand = {
  name: 'cancel',
  summary: 'stop a job',
  usage: ['ID'],
  operands: 'A task that must not be interrupted ends first; the answer says so.',
  options: [],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
  run: async (line, command) => (await import('./job.ts')).cancelOneJob(line, command),
};

const agents: SubCommand = {
  name: 'agents',
  summary: 'list agents; approve or revoke one; make a join token',
  usage: [
    '[list] [-l]',
    'approve NAME',
    'revoke NAME',
    'token --roles ROLE,... [--name NAME] [--lifetime SECONDS] [--uses N] [--approval]',
  ],
  complete: ['list', 'approve', 'revoke', 'token'],
  options: [
    { long: 'long', short: 'l', help: 'With facts and certificate' },
    {
      long: 'roles',
      short: 'r',
      value: 'ROLES',
      complete: ['build', 'boot', 'store', 'golden', 'nim', 'control', 'relay'],
      help: 'token: roles that the joining agent may take, separated by commas',
    },
    { long: 'name', value: 'NAME', help: 'token: the one agent name that may use it' },
    { long: 'lifetime', value: 'SECONDS', help: 'token: how long it is good for (3600)' },
    { long: 'uses', value: 'N', help: 'token: how many agents may join with it (1)' },
    { long: 'approval', help: "token: the agents wait for 'hostler agents approve'" },
  ],
  examples: ['hostler agents', 'hostler agents token --roles build'],
  run: async (line, command) => (await import('./agents.ts')).agentsCommand(line, command),
};

const status: SubCommand = {
  name: 'status',
  summary: 'show whether the manager is well',
  usage: [''],
  options: [],
  run: async (line, command) => (await import('./status.ts')).showStatus(line, command),
};

const history: SubCommand = {
  name: 'history',
  summary: 'show who changed what, newest first',
  usage: ['[TYPE | TYPE/NAME] [-n COUNT] [--from REVISION] [--to REVISION]'],
  options: [
    { long: 'limit', short: 'n', value: 'COUNT', help: 'How many revisions at most (20)' },
    { long: 'from', value: 'REVISION', help: 'Oldest revision wanted' },
    { long: 'to', value: 'REVISION', help: 'Newest revision wanted' },
  ],
  usageWhen: ({ operands }) => (operands.length <= 1 ? undefined : 1),
  run: async (line, command) => (await import('./history.ts')).showHistory(line, command),
};

const watch: SubCommand = {
  name: 'watch',
  summary: 'show changes as they are made, until interrupted',
  usage: ['[TYPE | TYPE/NAME] [--from REVISION]'],
  options: [{ long: 'from', value: 'REVISION', help: 'Begin with this revision instead of now' }],
  usageWhen: ({ operands }) => (operands.length <= 1 ? undefined : 1),
  run: async (line, command) => (await import('./history.ts')).watchChanges(line, command),
};

const completion: SubCommand = {
  name: 'completion',
  summary: 'print the completion script of a shell',
  usage: ['bash', 'zsh'],
  operands: 'For instance in ~/.bashrc: source <(hostler completion bash)',
  complete: ['bash', 'zsh'],
  options: [],
  usageWhen: ({ operands }) => (operands.length === 1 && /^(bash|zsh)$/.test(operands[0] ?? '') ? undefined : 1),
  run: async (line) => (await import('./completion.ts')).printCompletion(line, subCommands()),
};

const man: SubCommand = {
  name: 'man',
  summary: 'show the manual page of a command or a type of object',
  usage: ['[COMMAND | TYPE]'],
  options: [],
  usageWhen: ({ operands }) => (operands.length <= 1 ? undefined : 1),
  examples: ['hostler man lsdef', 'hostler man node', 'hostler man tables'],
  run: async (line) => (await import('../local/man.ts')).showManPage(line),
};

const names: SubCommand = {
  name: '__names',
  summary: 'what may stand at a place of a command line, for completion',
  usage: ['-- COMMAND KIND WORD [WORD-BEFORE]...'],
  hidden: true,
  options: [],
  run: async (line) => (await import('./names.ts')).printNames(line),
};

const all: readonly SubCommand[] = [jobs, job, cancel, agents, status, history, watch, completion, man, names];

export function findSubCommand(name: string): SubCommand | undefined {
  return all.find((sub) => sub.name === name);
}

export function subCommands(): readonly SubCommand[] {
  return all.filter((sub) => sub.hidden !== true);
}
