import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openLog } from '../../../../shared/log/log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-log-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('lines are JSON with level, time and correlation; secrets are left out; the file is for its owner and group', () => {
  const file = join(folder, 'log', 'x.log');
  const log = openLog({ file, level: 'info', program: 'x' }).child({ correlation: 'c1' });
  log.debug('not this');
  log.info({ token: 'geheim', agent: { password: 'geheim', name: 'b1' } }, 'joined');
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'info',
    correlation: 'c1',
    msg: 'joined',
    token: '[secret]',
    agent: { password: '[secret]', name: 'b1' },
  });
  expect(lines[0]).toMatch(/"time":"\d{4}-\d\d-\d\dT/);
  expect(statSync(file).mode & 0o777).toBe(0o640);
});

test('warnings are also told to people, with the reason', () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const log = openLog({ file: join(folder, 'x.log'), level: 'info', program: 'hostler-x' });
  log.info('quiet');
  log.warn({ err: new Error('the disk is full') }, 'A log was not kept.');
  expect(said.mock.calls.map(([text]) => text)).toEqual(['hostler-x: A log was not kept. the disk is full\n']);
});

test('a log that has grown too long is put aside at the next start', () => {
  const file = join(folder, 'x.log');
  writeFileSync(file, 'old');
  truncateSync(file, 65 * 1024 * 1024);
  openLog({ file, level: 'info', program: 'x' }).info('new');
  expect(statSync(`${file}.1`).size).toBe(65 * 1024 * 1024);
  expect(readFileSync(file, 'utf8')).toContain('"msg":"new"');
});
