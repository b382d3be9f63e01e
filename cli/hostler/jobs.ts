import type { JobSummary__Output } from '../../shared/wire/generated/hostler/v1/JobSummary.ts';
import type { ListJobsReply__Output } from '../../shared/wire/generated/hostler/v1/ListJobsReply.ts';
import type { CommandLine } from '../command.ts';
import { clockTime, duration, table } from '../show/format.ts';
import { numberOption, printJson, wantsJson, withManager } from './ask.ts';

export async function listJobs(line: CommandLine, command: string): Promise<number> {
  const request = { limit: numberOption(line, 'limit'), runningOnly: line.options['running'] !== undefined };
  const { jobs } = await withManager(command, (manager) =>
    manager.ask<ListJobsReply__Output>((client, metadata, options, callback) =>
      client.listJobs(request, metadata, options, callback),
    ),
  );
  if (wantsJson(line)) return printJson(jobs);
  if (jobs.length === 0) process.stdout.write('There are no jobs.\n');
  else process.stdout.write(table([['job', 'state', 'started', 'took', 'user', 'command'], ...jobs.map(row)]));
  return 0;
}

function row(job: JobSummary__Output): string[] {
  return [job.id, job.state, clockTime(job.startedAt), took(job.startedAt, job.endedAt), job.user, job.command];
}

/** Between two times; until now when there is no end; nothing before the beginning. */
export function took(startedAt: number, endedAt: number): string {
  if (startedAt === 0) return '-';
  return duration((endedAt === 0 ? Date.now() : endedAt) - startedAt);
}
