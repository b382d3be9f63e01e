// bound: 120 s
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RealManager, dist } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';

/*
 * The console blocks of the README, typed in order into a fresh manager: what they show is what one gets, but for times
 * and the name of the user.
 */

interface Shown {
  readonly command: string;
  readonly output: string;
}

function shownIn(readme: string): Shown[] {
  const blocks = [...readme.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n');
        return { command: part.slice(0, end), output: part.slice(end + 1) };
      }),
  );
}

/** Times and users are those of whoever types. */
function neutral(output: string): string {
  return output.replace(/^(\d+) {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}\S+ {2}/gm, '$1  TIME  USER  ');
}

const shown = shownIn(readFileSync(join(root, 'README.md'), 'utf8'));
let manager: RealManager;

beforeAll(async () => {
  manager = await RealManager.start();
}, 30_000);

afterAll(() => manager.dispose());

async function type(command: string): Promise<string> {
  const path = `${join(dist, 'bin')}:${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, ...manager.env, PATH: path };
  const child = spawn('sh', ['-c', `{ ${command}\n} 2>&1`], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  });
  return text(child.stdout);
}

describe('the commands that the README shows', () => {
  it('are many', () => {
    expect(shown.length).toBeGreaterThan(10);
  });

  it.each(shown)('$command', async ({ command, output }) => {
    expect(neutral(await type(command))).toBe(neutral(output));
  });
});
