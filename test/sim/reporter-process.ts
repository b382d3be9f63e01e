import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chosenCarrier } from '../../agent/link/choose.ts';
import { SimAgent, enrolSim } from './agent.ts';
import { factsOf, mostReports, reportOf } from './reports.ts';

/*
 * A boot server that only reports: `reporter-process.ts HOME` reads HOME/reporter.json, enrols, and puts one report after the
 * other into a real outbox. It may be killed at any time and started again: its reports are numbered as the outbox
 * numbers them. When there is a file HOME/enough it waits until the manager has them all, and says in HOME/done how many they were.
 */

/** HOME/reporter.json */
export interface ReporterSettings {
  readonly name: string;
  /** HOST:PORT of the manager, or of a relay. */
  readonly manager: string;
  readonly token: string;
  readonly link: 'grpc' | 'nats';
  /** When the run began, milliseconds since the epoch. */
  readonly from: number;
  /** Milliseconds between two reports, at the most. */
  readonly pause: number;
}

const [, , home = ''] = process.argv;
const settings = JSON.parse(readFileSync(join(home, 'reporter.json'), 'utf8')) as ReporterSettings;
const { name, manager, token, link, from, pause } = settings;
const identity = await enrolSim({
  home,
  manager,
  token,
  name,
  roles: ['boot'],
  signal: AbortSignal.timeout(120_000),
});
const agent = await SimAgent.start({
  home,
  incarnation: `life-${name}`,
  carrier: chosenCarrier({ choice: { link }, manager, identity: () => identity, stale: () => undefined }),
  // What it says at each hello is what it told last, or later.
  facts: (last: number) => JSON.parse(factsOf(last - (last % 10))) as object,
  pauses: [200, 5_000],
});
let number = agent.outbox.last;
const over = (): boolean => existsSync(join(home, 'enough'));
while (!over() && number < mostReports) {
  await agent.link.report(reportOf(name, number + 1, from));
  number++;
  // For whoever waits until there are so many.
  writeFileSync(join(home, 'told'), String(number));
  await delay(Math.random() * pause);
}
while (!over()) await delay(50);
await agent.link.drained(AbortSignal.timeout(600_000));
writeFileSync(join(home, 'done'), String(number));
await agent.stop();
process.exit();
