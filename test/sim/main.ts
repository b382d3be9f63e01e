import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { enrolMany } from './enrol-many.ts';
import { Swarms } from './swarms.ts';

/*
 * Fleets of simulated agents against a manager that runs somewhere: see README.md beside this file.
 */
const usage = `Usage: npx tsx test/sim/main.ts --agents N --manager HOST:PORT|unix:PATH --token TOKEN [...]

Connects N simulated agents and keeps them connected: real certificates, real mutual TLS, the real protocol. Tasks are done
at once. Prints a line of JSON every few seconds; Ctrl-C ends it.

  --agents N         how many; default 100
  --manager ADDRESS  HOST:PORT or unix:PATH of a manager
  --token TOKEN      a join token with N uses ('hostler agents token --roles build --uses N'); may be given several times,
                     which makes enrolment faster: one token is used by one agent at a time
  --nats HOST:PORT   connect over NATS, to this broker; may be given several times. Enrolment stays with --manager
  --prefix WORD      agents are called WORD-0, WORD-1, ...; default sim
  --identities FILE  keep keys and certificates there (0600): the next run with it enrols nobody again
  --processes N      how many processes share the agents; default: one for 2,500 agents, at most one a core
  --report N         send N reports of consequence in all, print how long they took, and leave
  --every S          seconds between two lines; default 5
`;

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '100' },
    every: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
    identities: { type: 'string' },
    manager: { type: 'string' },
    nats: { type: 'string', multiple: true },
    prefix: { type: 'string', default: 'sim' },
    processes: { type: 'string' },
    report: { type: 'string' },
    token: { type: 'string', multiple: true, default: [] },
  },
});

function say(fields: object): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...fields })}\n`);
}

async function main(manager: string): Promise<void> {
  const count = Number(values.agents);
  const names = Array.from({ length: count }, (_, number) => `${values.prefix}-${String(number)}`);
  const began = Date.now();
  const identities = await enrolMany({ manager, tokens: values.token, names, keep: values.identities });
  say({ enrolled: identities.length, seconds: (Date.now() - began) / 1000 });
  const processes = Number(values.processes ?? Math.min(availableParallelism(), Math.ceil(count / 2_500)));
  const swarms = await Swarms.start({ manager, brokers: values.nats, identities, processes });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  try {
    if (values.report !== undefined) {
      const reporting = Date.now();
      await swarms.report(Number(values.report), 600);
      say({ reports: Number(values.report), seconds: (Date.now() - reporting) / 1000 });
      return;
    }
    while (!stop.signal.aborted) {
      say(await swarms.state());
      await delay(Number(values.every) * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    await swarms.kill();
  }
}

if (values.help || values.manager === undefined) process.stdout.write(usage);
else await main(values.manager);
process.exit(values.help || values.manager !== undefined ? 0 : 2);
