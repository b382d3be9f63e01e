import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimePart } from '../../../../../agent/tasks/image-build/node-runtime.ts';
import type { Build } from '../../../../../agent/tasks/image-build/spec.ts';
import type { TaskContext } from '../../../../../agent/tasks/types.ts';
import { run } from '../../../../../shared/process/run.ts';

let dir = '';
/** An archive as nodejs.org makes them, with a program that is long enough to be one. */
let archive = '';
const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const program = Buffer.alloc(1_200_000, 'node ');

const pack = async (name: string, ...files: string[]): Promise<string> => {
  const top = join(dir, name, 'node-v20.0.0-linux-x64');
  for (const file of files) {
    await mkdir(join(top, file, '..'), { recursive: true });
    await writeFile(join(top, file), program);
    await chmod(join(top, file), 0o755);
  }
  const out = join(dir, `${name}.tar.gz`);
  await run('tar', ['-C', join(dir, name), '-czf', out, 'node-v20.0.0-linux-x64']);
  return out;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-runtime-'));
  archive = await pack('whole', 'bin/node', 'bin/npm', 'lib/node_modules/npm/index.js', 'LICENSE');
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const apply = async (root: string, noderuntime: string): Promise<string> => {
  const build = { noderuntime, arch: 'x86_64' } as Build;
  const context = { home: join(dir, 'home'), signal: new AbortController().signal, progress: () => {} };
  const folder = join(dir, root);
  await mkdir(folder, { recursive: true });
  await runtimePart.apply(folder, build, context as unknown as TaskContext);
  return folder;
};

describe('the Node.js of the site', () => {
  it('is the program alone, and the agent is told to use it', async () => {
    const root = await apply('tree', `${archive} sha256:${digestOf(archive)}`);
    expect(readFileSync(join(root, 'opt/hostler/node/bin/node')).equals(program)).toBe(true);
    expect(existsSync(join(root, 'opt/hostler/node/LICENSE'))).toBe(true);
    for (const gone of ['bin/npm', 'lib']) expect(existsSync(join(root, 'opt/hostler/node', gone)), gone).toBe(false);
    expect(readFileSync(join(root, 'etc/systemd/system/hostler-agent.service.d/node.conf'), 'utf8')).toBe(
      '[Service]\nExecStart=\nExecStart=/opt/hostler/node/bin/node /opt/hostler/hostler-agent --boot\n',
    );
  });

  it('is nothing where the distribution has its own', async () => {
    expect(existsSync(join(await apply('without', ''), 'opt'))).toBe(false);
  });

  it('is fetched from an address once', async () => {
    let asked = 0;
    const server = createServer((request, response) => {
      asked += 1;
      if (request.url === '/node.tar.gz') response.end(readFileSync(archive));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      for (const root of ['first', 'second']) {
        const made = await apply(root, `${address}/node.tar.gz sha256:${digestOf(archive)}`);
        expect(existsSync(join(made, 'opt/hostler/node/bin/node'))).toBe(true);
      }
      expect(asked).toBe(1);
      await expect(apply('third', `${address}/other.tar.gz sha256:${'0'.repeat(64)}`)).rejects.toThrow(
        `${address}/other.tar.gz, which site.noderuntime names, could not be fetched: the answer was 404.`,
      );
      await expect(apply('third', `${address}/node.tar.gz sha256:${'0'.repeat(64)}`)).rejects.toThrow(/it is not used/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('is not used when it is another, or none', async () => {
    await expect(apply('bad', `${archive} sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining(`has the sha256 digest ${digestOf(archive)}`) as string,
    });
    await expect(apply('bad', `/nosuch/node.tar.gz sha256:${'0'.repeat(64)}`)).rejects.toThrow(
      'does not exist on this machine',
    );
    const empty = await pack('empty', 'README.md');
    await expect(apply('bad', `${empty} sha256:${digestOf(empty)}`)).rejects.toThrow('has no bin/node');
  });
});
