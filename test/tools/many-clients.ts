import { Metadata, credentials } from '@grpc/grpc-js';
import { setTimeout as pause } from 'node:timers/promises';
import { streamOf } from '../../shared/wire/call.ts';
import { wire } from '../../shared/wire/definitions.ts';
import type { Event__Output } from '../../shared/wire/generated/hostler/v1/Event.ts';
import type { RunRequest } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import { createProof, proofHeader } from '../../shared/wire/proof.ts';

/*
 * Clients of one manager, each with a connection of its own, in a process that was forked with `many-clients.ts HOME`.
 * A message `Work` comes in, `Done` goes out.
 */

/** What one client does: its commands one after the other. */
export interface Client {
  readonly commands: readonly RunRequest[];
}

export interface Work {
  readonly clients: readonly Client[];
}

export interface Answer {
  readonly exit: number;
  /** What it printed, and what it complained about. */
  readonly text: string;
}

export interface Done {
  /** By client, then by command. */
  readonly answers: readonly (readonly Answer[])[];
}

const [home = ''] = process.argv.slice(2);

function open(): InstanceType<typeof wire.Api> {
  return new wire.Api(`unix:${home}/manager.sock`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    // Else they would all share one connection.
    'grpc.use_local_subchannel_pool': 1,
  });
}

async function ask(api: InstanceType<typeof wire.Api>, request: RunRequest): Promise<Answer> {
  const proof = createProof(home);
  const metadata = new Metadata();
  metadata.set(proofHeader, proof.token);
  let text = '';
  try {
    for await (const { output, finished } of streamOf<Event__Output>(api.run(request, metadata))) {
      if (output) text += output.text;
      if (finished) return { exit: finished.exit, text: text + finished.message };
    }
    return { exit: -1, text };
  } catch (thrown) {
    return { exit: -1, text: String(thrown) };
  } finally {
    proof.discard();
  }
}

async function work({ commands }: Client): Promise<Answer[]> {
  const api = open();
  try {
    const answers: Answer[] = [];
    for (const command of commands) {
      answers.push(await ask(api, command));
      // Nobody is to be always the first.
      await pause(Math.random() * 5);
    }
    return answers;
  } finally {
    api.close();
  }
}

process.on('message', (message: Work) => {
  void Promise.all(message.clients.map(work)).then((answers) => {
    process.send?.({ answers } satisfies Done);
    process.disconnect();
  });
});
process.send?.('ready');
