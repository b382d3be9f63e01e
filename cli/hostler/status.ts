import type { StatusReply__Output } from '../../shared/wire/generated/hostler/v1/StatusReply.ts';
import type { CommandLine } from '../command.ts';
import { clockTime, table } from '../show/format.ts';
import { printJson, wantsJson, withManager } from './ask.ts';

export async function showStatus(line: CommandLine, command: string): Promise<number> {
  const status = await withManager(command, (manager) =>
    manager.ask<StatusReply__Output>((client, metadata, options, callback) =>
      client.status({}, metadata, options, callback),
    ),
  );
  if (wantsJson(line)) return printJson(status);
  process.stdout.write(
    table([
      ['manager', `${status.server}, version ${status.version}`],
      ['home', status.home],
      ['running since', clockTime(status.startedAt)],
      ['revision', String(status.revision)],
      ['agents connected', String(status.agentsConnected)],
      ['jobs running', String(status.jobsRunning)],
      ['memory', `${(status.memoryBytes / 1024 / 1024).toFixed(0)} MiB`],
      ['authority', status.caFingerprint],
    ]),
  );
  return 0;
}
