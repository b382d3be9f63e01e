import type { CommandDefinition } from '../../cli/command.ts';
import { findCommand } from '../../cli/commands/index.ts';
import { CommandLineError, parseCommandLine } from '../../cli/parse/getopt.ts';
import { helpText } from '../../cli/parse/help.ts';
import { runRequest } from '../../cli/run/request.ts';
import { verbs } from '../../manager/verbs/index.ts';
import type { Change } from '../../shared/verb/effect.ts';
import { MemoryView } from '../unit/support/view.ts';
import { asked } from '../unit/support/asked.ts';
import type { Answer } from './cases.ts';

/**
 * One manager and its command line in this process: parses and runs the verb at once, without programs or sockets. Much
 * faster than the real thing and exact in everything but what a verb asks agents to do.
 */
export class InProcess {
  readonly view = new MemoryView();
  readonly server: string;

  constructor(server: string, start: readonly Change[]) {
    this.server = server;
    this.view.commit(start);
  }

  run(words: readonly string[], stdin: string | undefined): Answer {
    const [name = '', ...argv] = words;
    const definition = findCommand(name);
    if (definition === undefined) return { rc: 127, stdout: '', stderr: `bash: line 1: ${name}: command not found\n` };
    const read = readCommandLine(definition, name, argv);
    if ('rc' in read) return read;
    const request = runRequest(
      { ...definition, options: definition.options.map((option) => ({ ...option, input: false })), input: false },
      read,
      'test',
    );
    const wantsInput =
      definition.input === true ||
      definition.options.some((option) => option.input === true && (option.long ?? option.short ?? '') in read.options);
    const verb = verbs.get(request.verb ?? '');
    if (verb === undefined) return { rc: 127, stdout: '', stderr: `No verb ${name}\n` };
    const files = Object.fromEntries(
      Object.entries(request.files ?? {}).map(([path, content]) => [path, Buffer.from(content).toString('utf8')]),
    );
    const { effects } = verb.start(
      asked(request.verb ?? '', {
        options: Object.fromEntries(
          Object.entries(request.options ?? {}).map(([key, { items }]) => [key, items ?? []]),
        ),
        operands: request.operands ?? [],
        ...(wantsInput && { input: stdin ?? '' }),
        files,
        plan: request.plan ?? false,
        json: request.json ?? false,
        server: this.server,
      }),
      this.view,
    );
    const answer = { rc: 0, stdout: '', stderr: '' };
    for (const effect of effects) {
      if (effect.do === 'say') answer[effect.error === true ? 'stderr' : 'stdout'] += effect.text;
      if (effect.do === 'data') answer.stdout += `${JSON.stringify(effect.value)}\n`;
      if (effect.do === 'refuse') {
        answer.stderr += effect.message.endsWith('\n') ? effect.message : `${effect.message}\n`;
        answer.rc = effect.exit ?? 1;
      }
      if (effect.do === 'done') answer.rc = effect.exit;
      if (effect.do === 'run') answer.stderr += `task ${effect.task.kind}\n`;
    }
    if (request.plan !== true) this.view.apply(effects);
    return answer;
  }
}

/** What the program decides before it asks anybody, as cli/main.ts does. */
function readCommandLine(
  definition: CommandDefinition,
  name: string,
  argv: readonly string[],
): ReturnType<typeof parseCommandLine> | Answer {
  try {
    const line = parseCommandLine(definition, argv);
    const own = new Set(definition.options.map(({ long }) => long));
    const help = helpText(definition, name);
    if ('help' in line.options && !own.has('help')) return { rc: 0, stdout: help, stderr: '' };
    if ('version' in line.options && !own.has('version')) return { rc: 0, stdout: 'Version\n', stderr: '' };
    const usage = definition.usageWhen?.(line);
    if (usage === undefined) return line;
    return { rc: usage, stdout: usage === 0 ? help : '', stderr: usage === 0 ? '' : help };
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error;
    return { rc: 1, stdout: '', stderr: `${error.complaints.join('\n')}\n` };
  }
}
