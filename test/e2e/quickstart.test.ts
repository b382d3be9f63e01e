// bound: 900 s
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bootStages } from '../../shared/task/node-events.ts';
import { root } from '../tools/step.ts';

/** Shared by the runs, so that the second finds the caches of the first. */
const dir = mkdtempSync(join(tmpdir(), 'hostler-qs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function quickstart(...args: string[]): Promise<{ exit: number | null; output: string }> {
  const argv = ['--import', 'tsx', join(root, 'deploy/quickstart/main.ts'), '--dir', dir, ...args];
  const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr.on('data', (piece: Buffer) => pieces.push(piece));
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, output: Buffer.concat(pieces).toString() };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

describe('the quickstart', () => {
  it('boots a machine from the image that it built, and has the evidence', { timeout: 600_000 }, async (context) => {
    if (!isRoot()) context.skip('needs root: network namespaces, image building');
    const report = join(dir, 'report.json');
    const { exit, output } = await quickstart('--json', report);
    expect(exit, output.slice(-4000)).toBe(0);
    const { timeline, nonce, reported } = JSON.parse(readFileSync(report, 'utf8')) as {
      timeline: { stage: string; seconds: number }[];
      nonce: string;
      reported: Record<string, string>;
    };
    expect(timeline.map(({ stage }) => stage)).toEqual([...bootStages]);
    expect(
      timeline.every(({ seconds }, index) => index === 0 || seconds >= (timeline[index - 1]?.seconds ?? 0) - 1),
    ).toBe(true);
    expect(readFileSync(join(dir, 'vm/n01.console'), 'latin1')).toContain(nonce);
    expect(reported['nodelist.status']).toBe('booted');
  });

  it('fails and says why when the image is gone from the server', { timeout: 300_000 }, async (context) => {
    if (!isRoot()) context.skip('needs root: network namespaces, image building');
    const { exit, output } = await quickstart('--sabotage', 'image');
    expect(exit).toBe(1);
    expect(output).toContain('The quickstart failed at: A virtual machine boots from the network');
    expect(output).toMatch(/Why: .*(image|404|digest)/);
  });
});
