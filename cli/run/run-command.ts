import { randomBytes } from 'node:crypto';
import type { CancelReply__Output } from '../../shared/wire/generated/hostler/v1/CancelReply.ts';
import type { Finished__Output } from '../../shared/wire/generated/hostler/v1/Finished.ts';
import type { CommandDefinition, CommandLine } from '../command.ts';
import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';
import { Presenter, type Shown, commandShows } from '../show/presenter.ts';
import { ProgressView } from '../show/progress.ts';
import { styleFor } from '../show/style.ts';
import { terminalWriter } from '../show/writer.ts';
import { Follower, type Start } from './follow.ts';
import { Interrupt, interruptedExit } from './interrupt.ts';
import { readInput, wantsInput } from './input.ts';
import { runRequest } from './request.ts';

/** Asks the manager for a verb and shows what it says, to the end. Returns the exit code. Throws HostlerError. */
export async function runCommand(definition: CommandDefinition, line: CommandLine, command: string): Promise<number> {
  const correlation = randomBytes(8).toString('hex');
  const run = runRequest(definition, line, correlation);
  if (!wantsInput(definition, line)) return showJob({ run }, command, commandShows);
  const input = await readInput(definition.name);
  const start = 'whole' in input ? { run: { ...run, input: input.whole } } : { run, input: input.pieces };
  return showJob(start, command, commandShows);
}

/** Shows a verb's run, or a job that is there already. */
export async function showJob(start: Start, command: string, shown: Shown): Promise<number> {
  const writer = terminalWriter(process.env);
  const progress = new ProgressView(writer, styleFor(writer.live, process.env));
  const presenter = new Presenter(writer, progress, shown);
  const place = managerPlace(process.env);
  const open = (): Manager => new Manager(place, command);
  const interrupt: Interrupt = new Interrupt(writer, {
    job: () => follower.job,
    cancel: (job) => cancelJob(open, job),
    pause: () => progress.pause(),
    resume: () => progress.resume(),
  });
  const follower: Follower = new Follower(open, {
    event: (event) => presenter.show(event),
    note: (text) => progress.note(text),
    signal: interrupt.left,
  });
  try {
    const finished = await follower.follow(start);
    progress.stop();
    if (finished === undefined) return interrupt.left.aborted ? interruptedExit : 0;
    return await concluded(finished, (text) => writer.error(text));
  } finally {
    progress.stop();
    interrupt.stop();
  }
}

async function concluded(
  { message, exit, state }: Finished__Output,
  error: (text: string) => Promise<void>,
): Promise<number> {
  if (message !== '' && state !== 'done') await error(message.endsWith('\n') ? message : `${message}\n`);
  return exit;
}

/** Asks for a job's end; what the manager says to it. */
export async function cancelJob(open: () => Manager, job: string): Promise<string> {
  const manager = open();
  try {
    const reply = await manager.ask<CancelReply__Output>((client, metadata, options, callback) =>
      client.cancel({ job }, metadata, options, callback),
    );
    return reply.message === '' ? `Job ${job}: ${reply.state}.` : reply.message;
  } finally {
    manager.close();
  }
}
