import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Dnsmasq } from '../../../../../agent/services/boot/dnsmasq.ts';

let folder: string;
let dnsmasq: Dnsmasq;
const lines: string[] = [];
const hosts = (): string => join(folder, 'dhcp-hosts');
const reads = (): number => lines.filter((line) => line.endsWith(`: read ${hosts()}`)).length;

/** Stands in for the program: says what the real one says when it has begun, and when it has read its hosts again. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-dnsmasq-'));
  const pidFile = join(folder, 'pid');
  const script = `#!/bin/sh
trap 'echo "dnsmasq-dhcp: read ${hosts()}"' HUP
trap 'exit 0' TERM
echo $$ > ${pidFile}
echo 'dnsmasq: started, version 2.90 cachesize 150'
while :; do sleep 0.05; done
`;
  writeFileSync(join(folder, 'dnsmasq'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
  lines.length = 0;
  const configuration = join(folder, 'dnsmasq.conf');
  dnsmasq = new Dnsmasq({ configuration, pidFile, log: () => undefined, onLine: (line) => lines.push(line) });
});
afterEach(async () => {
  await dnsmasq.stop();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('reads its hosts again when they are others, and only then', async () => {
  await dnsmasq.start({ digest: 'a', count: 1 });
  await dnsmasq.reload(hosts(), { digest: 'a', count: 1 });
  expect(reads()).toBe(0);
  await dnsmasq.reload(hosts(), { digest: 'b', count: 2 });
  await dnsmasq.reload(hosts(), { digest: 'b', count: 2 });
  expect(reads()).toBe(1);
  await dnsmasq.reload(hosts(), { digest: 'a', count: 1 });
  expect(reads()).toBe(2);
});

test('one that does not run is told, also when its hosts are the same', async () => {
  await dnsmasq.start({ digest: 'a', count: 1 });
  process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')));
  await vi.waitFor(async () => {
    await expect(dnsmasq.reload(hosts(), { digest: 'a', count: 1 })).rejects.toThrow(/does not run at the moment/);
  });
});
