// bound: 900 s, with virtual machines
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { bootStages } from '../../shared/task/node-events.ts';
import { root } from '../tools/step.ts';

const dir = mkdtempSync(join(tmpdir(), 'hostler-qsn-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const possible = process.getuid?.() === 0 && which('nats-server') !== undefined;

it.skipIf(!possible)(
  'the quickstart over NATS: the manager keeps a broker, and the node comes and reports by way of it (needs root, nats-server)',
  async () => {
    const report = join(dir, 'report.json');
    const main = join(root, 'deploy/quickstart/main.ts');
    const argv = ['--import', 'tsx', main, '--dir', dir, '--link', 'nats', '--json', report];
    const { stdout, stderr, exit } = await run(process.execPath, argv, { cwd: root, allowExit: 'any' });
    expect(exit, (stdout + stderr).slice(-4000)).toBe(0);
    expect(stdout).toContain('it came over NATS');
    const { timeline, reported } = JSON.parse(readFileSync(report, 'utf8')) as {
      timeline: { stage: string }[];
      reported: Record<string, string>;
    };
    expect(timeline.map(({ stage }) => stage)).toEqual([...bootStages]);
    expect(reported['nodelist.status']).toBe('booted');
  },
  850_000,
);
