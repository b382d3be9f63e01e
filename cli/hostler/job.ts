import type { JobDetail__Output } from '../../shared/wire/generated/hostler/v1/JobDetail.ts';
import type { CommandLine } from '../command.ts';
import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';
import { cancelJob, showJob } from '../run/run-command.ts';
import { clockTime, table } from '../show/format.ts';
import { printJson, wantsJson, withManager } from './ask.ts';
import { took } from './jobs.ts';

export async function showOneJob(line: CommandLine, command: string): Promise<number> {
  const id = line.operands[0] ?? '';
  const log = line.options['log'] !== undefined;
  if (line.options['follow'] !== undefined) {
    return showJob({ job: id, position: 0, noWait: false }, command, { output: true, log, progress: true });
  }
  const detail = await withManager(command, (manager) =>
    manager.ask<JobDetail__Output>((client, metadata, options, callback) =>
      client.showJob({ id }, metadata, options, callback),
    ),
  );
  if (wantsJson(line)) return printJson(detail);
  process.stdout.write(detailText(detail));
  if (!log) return 0;
  process.stdout.write('\n');
  await showJob({ job: id, position: 0, noWait: true }, command, { output: false, log: true, progress: false });
  return 0;
}

export async function cancelOneJob(line: CommandLine, command: string): Promise<number> {
  const place = managerPlace(process.env);
  process.stdout.write(`${await cancelJob(() => new Manager(place, command), line.operands[0] ?? '')}\n`);
  return 0;
}

function detailText({ summary, steps, message }: JobDetail__Output): string {
  if (summary === null) return 'The manager sent no summary.\n';
  const facts = [
    ['job', summary.id],
    ['command', summary.command],
    ['user', summary.user],
    ['state', summary.endedAt === 0 ? summary.state : `${summary.state} (exit ${String(summary.exit)})`],
    ['started', clockTime(summary.startedAt)],
    ['took', took(summary.startedAt, summary.endedAt)],
    ['correlation', summary.correlation],
    ...(message === '' ? [] : [['message', message]]),
  ];
  if (steps.length === 0) return table(facts);
  const rows = steps.map((step) => [
    step.title || step.task,
    step.state,
    step.agent,
    took(step.startedAt, step.endedAt),
    step.message,
  ]);
  return `${table(facts)}\n${table([['step', 'state', 'agent', 'took', 'message'], ...rows])}`;
}
