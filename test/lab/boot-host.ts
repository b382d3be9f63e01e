/**
 * A boot server without a manager, for tests: the services of one agent, run inside a lab network's namespace. Reads
 * commands as JSON lines from standard input (`{"apply": SPEC}`, `{"stop": true}`), writes JSON lines to standard
 * output: `{"ready": endpoints}`, `{"event": NODE EVENT}`, `{"log": LINE}`, `{"applied": RESULT}`, `{"failed": TEXT}`.
 *   node --import tsx test/lab/boot-host.ts HOME NAME [RELAY-PORT]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startServices } from '../../agent/services/index.ts';
import { readIdentity } from '../../agent/store/own-identity.ts';
import { bootApply } from '../../agent/tasks/boot-apply/boot-apply.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { HostlerError } from '../../shared/errors/error.ts';

const [home = '', name = 'boot1', relay] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const folders = { home, installDir: join(home, 'install'), tftpDir: join(home, 'tftpboot') };

const identity = await readIdentity(home);
const services = await startServices({
  ...folders,
  name,
  roles: ['boot', 'store'],
  identity: () => identity,
  serve: [],
  ...(relay !== undefined && { relay: [{ host: '0.0.0.0', port: Number(relay) }] }),
  report: (event) => say({ event }),
  log: (log) => say({ log }),
});
say({ ready: services.storeEndpoints() });

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as { apply?: string; stop?: true };
  if (command.stop) break;
  if (command.apply === undefined) continue;
  const context: TaskContext = {
    ...folders,
    id: 'test.1',
    spec: JSON.parse(readFileSync(command.apply, 'utf8')) as TaskContext['spec'],
    dir: join(home, 'task'),
    correlation: 'test',
    signal: AbortSignal.timeout(60_000),
    log: (log) => say({ log }),
    progress: () => undefined,
  };
  await bootApply.run(context).then(
    (applied) => say({ applied }),
    (error: unknown) => say({ failed: HostlerError.from(error).message }),
  );
}

await services.stop();
process.stdin.destroy();
