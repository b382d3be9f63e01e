import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { BlobStore } from '../../agent/store/blobs.ts';
import { storePaths } from '../../shared/task/blob.ts';
import { createTestAuthority } from '../lab/pki.ts';
import type { Site } from './image.ts';
import { median } from './measure.ts';

/**
 * A packed image from the store of one agent to another, by the agents' own server and client, beside rsync from a
 * daemon. Both over loopback, a process at each end, and on the disk in the end. Ours encrypts, knows who asks and checks
 * every byte; rsync's daemon does none of these.
 */
export async function transfer(site: Pick<Site, 'folder' | 'bare'>): Promise<Record<string, number>> {
  const { folder } = site;
  const image = join(folder, 'whole.sfs');
  const from = join(folder, 'from');
  const to = join(folder, 'to');
  for (const dir of [from, to]) mkdirSync(dir, { recursive: true });
  const { digest, bytes } = await new BlobStore(from).putFile(image, 'copy');
  const authority = await createTestAuthority();
  writeFileSync(join(from, 'identity.json'), JSON.stringify(await authority.issue('from', { roles: ['store'] })), {
    mode: 0o600,
  });
  writeFileSync(join(to, 'identity.json'), JSON.stringify(await authority.issue('to', { roles: ['boot'] })), {
    mode: 0o600,
  });
  const script = join(import.meta.dirname, 'transfer-end.ts');
  const tsx = [process.execPath, '--import', 'tsx', script];
  const ours = spawn(tsx[0] ?? '', [...tsx.slice(1), 'serve', from], { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await freePort();
  const config = join(folder, 'rsyncd.conf');
  writeFileSync(config, `use chroot = no\naddress = 127.0.0.1\n[blobs]\npath = ${folder}\nread only = yes\nuid = 0\n`);
  const daemon = spawn('rsync', ['--daemon', '--no-detach', `--port=${String(port)}`, `--config=${config}`], {
    stdio: 'ignore',
  });
  try {
    const [endpoint] = (await once(createInterface({ input: ours.stdout }), 'line')) as [string];
    await delay(300);
    const taken: { ours: number[]; rsync: number[] } = { ours: [], rsync: [] };
    for (let turn = 0; turn < 3; turn += 1) {
      rmSync(join(to, 'got'), { force: true });
      taken.ours.push(await site.bare([...tsx, 'fetch', to, endpoint, storePaths.blob(digest), digest]));
      rmSync(join(to, 'got'), { force: true });
      const source = `rsync://127.0.0.1:${String(port)}/blobs/whole.sfs`;
      taken.rsync.push(await site.bare(['rsync', '--whole-file', '--fsync', source, join(to, 'got')]));
    }
    // The start of Node with a loader is no part of an agent's transfer.
    const start = median([await site.bare([...tsx, 'nothing']), await site.bare([...tsx, 'nothing'])]);
    const seconds = median(taken.ours) - start;
    return {
      transferMB: Number((bytes / 1e6).toFixed(1)),
      transferSeconds: Number(seconds.toFixed(2)),
      rsyncSeconds: median(taken.rsync),
      transferRatio: Number((seconds / median(taken.rsync)).toFixed(2)),
    };
  } finally {
    ours.stdin.end();
    daemon.kill();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
