import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { programVersion } from '../../shared/text/version.ts';
import { run } from '../../shared/process/run.ts';
import { imageTestPaths, imageTestWord, type ImageHealth, type ImageHello } from '../../shared/task/image-test.ts';
import { bootRecord } from '../facts/image.ts';
import { say } from '../log.ts';
import { persist } from './retry.ts';

const healthMs = 600_000;

/** Where an image that is tested says hello; undefined on every other boot. */
export function testAddress(commandLine: string): string | undefined {
  const word = commandLine.split(/\s+/).find((one) => one.startsWith(`${imageTestWord}=http://`));
  return word?.slice(imageTestWord.length + 1);
}

/**
 * The whole life of the agent in an image that is tested: hello, health script, what it said. Nobody gets a
 * certificate, and nothing of a cluster is there to talk to.
 */
export async function proveImage(address: string, taskKinds: readonly string[], signal: AbortSignal): Promise<void> {
  const hello: ImageHello = {
    version: programVersion(),
    kernel: release(),
    imageDigest: bootRecord('/')?.digest ?? '',
    taskKinds,
  };
  const script = await persist(() => post(address, imageTestPaths.hello, hello, signal), say, signal);
  say('said hello to the test; running its health script');
  const health = await check(script, signal);
  await persist(() => post(address, imageTestPaths.health, health, signal), say, signal);
  say(`the health script ended with ${health.exit}`);
}

async function check(script: string, signal: AbortSignal): Promise<ImageHealth> {
  const folder = await mkdtemp(join(tmpdir(), 'image-test-'));
  try {
    const file = join(folder, 'health');
    await writeFile(file, script, { mode: 0o700 });
    const { exit, stdout, stderr } = await run('/bin/sh', [file], {
      signal,
      timeoutMs: healthMs,
      keepBytes: 16_384,
      allowExit: 'any',
    });
    return { exit, output: `${stdout}${stderr}` };
  } catch (error) {
    return { exit: 1, output: error instanceof Error ? error.message : String(error) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function post(address: string, path: string, body: object, signal: AbortSignal): Promise<string> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      new URL(path, address),
      { method: 'POST', headers: { 'Content-Length': Buffer.byteLength(text) }, signal, agent: false, timeout: 30_000 },
      (answer) => {
        let got = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => (got += piece));
        answer.on('error', reject);
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve(got) : reject(new Error(`HTTP ${answer.statusCode ?? 0}`)),
        );
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(text);
  });
}
