import type { RevisionRecord__Output } from '../../shared/wire/generated/hostler/v1/RevisionRecord.ts';
import type { ValueChange__Output } from '../../shared/wire/generated/hostler/v1/ValueChange.ts';
import type { CommandLine } from '../command.ts';
import { callProblem } from '../connect/problem.ts';
import { interruptedExit } from '../run/interrupt.ts';
import { clockTime } from '../show/format.ts';
import { terminalWriter } from '../show/writer.ts';
import { jsonLine, numberOption, wantsJson, withManager } from './ask.ts';

export async function showHistory(line: CommandLine, command: string): Promise<number> {
  const request = {
    object: line.operands[0] ?? '',
    limit: numberOption(line, 'limit') || 20,
    fromRevision: numberOption(line, 'from'),
    toRevision: numberOption(line, 'to'),
  };
  return printRecords(line, command, new AbortController().signal, (manager, signal) =>
    manager.stream((client, metadata) => client.history(request, metadata), signal),
  );
}

/** Until Ctrl-C. */
export async function watchChanges(line: CommandLine, command: string): Promise<number> {
  const request = { object: line.operands[0] ?? '', fromRevision: numberOption(line, 'from') };
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const exit = await printRecords(line, command, stop.signal, (manager, signal) =>
    manager.stream((client, metadata) => client.watch(request, metadata), signal),
  );
  return stop.signal.aborted ? interruptedExit : exit;
}

type Source = Parameters<Parameters<typeof withManager>[1]>[0];

async function printRecords(
  line: CommandLine,
  command: string,
  signal: AbortSignal,
  open: (manager: Source, signal: AbortSignal) => AsyncIterable<RevisionRecord__Output>,
): Promise<number> {
  const writer = terminalWriter(process.env);
  return withManager(command, async (manager) => {
    try {
      for await (const record of open(manager, signal)) {
        await writer.out(wantsJson(line) ? jsonLine(record) : recordText(record));
      }
      return 0;
    } catch (thrown) {
      if (signal.aborted) return 0;
      throw callProblem(thrown, manager.place);
    }
  });
}

function recordText({ revision, at, user, command, changes }: RevisionRecord__Output): string {
  const lines = [`${String(revision)}  ${clockTime(at)}  ${user}  ${command}`];
  for (const change of changes) {
    lines.push(`    ${change.type} ${change.name} ${change.action}`);
    for (const value of change.values) lines.push(`        ${valueText(value)}`);
  }
  return `${lines.join('\n')}\n`;
}

function valueText(value: ValueChange__Output): string {
  if (value.secret) return `${value.key}: (secret)`;
  return `${value.key}: ${value.oldValue ?? '(unset)'} -> ${value.newValue ?? '(unset)'}`;
}
