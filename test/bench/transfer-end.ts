// One end of a transfer as a process of its own: `serve HOME`, until its input ends; `fetch HOME ENDPOINT PATH DIGEST`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { download } from '../../agent/store/client.ts';
import { StoreServer } from '../../agent/store/server.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';

const [what = '', home = '', endpoint = '', path = '', digest = ''] = process.argv.slice(2);
const identity = (): TlsIdentity => JSON.parse(readFileSync(join(home, 'identity.json'), 'utf8')) as TlsIdentity;

if (what === 'serve') {
  const own = identity();
  const server = new StoreServer({ home, installDir: home, identity: () => own, log: () => undefined });
  await server.listenTcp([{ host: '127.0.0.1', port: 0 }]);
  process.stdout.write(`${server.endpoints().find((one) => one.startsWith('https:')) ?? ''}\n`);
  process.stdin.on('end', () => void server.stop()).resume();
}
if (what === 'fetch') {
  const options = { identity: identity(), signal: AbortSignal.timeout(600_000), digest };
  await download({ agent: 'from', endpoints: [endpoint] }, path, join(home, 'got'), options);
}
