/*
 * An end of a capture in a process of its own, as on machines: `serve HOME` is the agent that keeps images, `send HOME` the
 * golden client. Says one line when it is ready; takes one task a line, and says a line when that is done.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startServices } from '../../agent/services/index.ts';
import { readIdentity } from '../../agent/store/own-identity.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import type { Json } from '../../shared/verb/effect.ts';

const [what = '', home = ''] = process.argv.slice(2);
const folders = { installDir: join(home, 'install'), tftpDir: join(home, 'tftpboot') };
const lines = createInterface({ input: process.stdin });
const say = (value: Json): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

if (what === 'serve') {
  const identity = await readIdentity(home);
  const services = await startServices({
    ...{ name: 'images', roles: ['store'], home, identity: () => identity, ...folders },
    ...{ serve: [{ host: '127.0.0.1', port: 0 }], report: () => undefined, log: () => undefined },
  });
  say(services.storeEndpoints().filter((one) => one.startsWith('https:')));
  await once(lines, 'close');
  await services.stop();
} else {
  say([]);
  let count = 0;
  for await (const line of lines) {
    count += 1;
    const dir = join(home, `task-${count}`);
    mkdirSync(dir, { recursive: true });
    await captureSend.run({
      ...{ id: `s${count}`, spec: JSON.parse(line) as Json, dir, home, ...folders, correlation: 'bench' },
      ...{ signal: AbortSignal.timeout(1_000_000), log: () => undefined, progress: () => undefined },
    });
    say([]);
  }
}
