import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { root, step } from './step.ts';

export interface Check {
  readonly name: string;
  /** Shown when it fails, beside what it printed. */
  readonly hint: string;
  run(): Promise<{ ok: boolean; output: string }>;
}

const boundSeconds = 240;

function program(name: string, hint: string, ...argv: string[]): Check {
  return {
    name,
    hint,
    run: async () => {
      const result = await step(argv, { bound: boundSeconds });
      return { ok: result.ok, output: result.ok ? '' : `${result.output}\n(${result.reason})` };
    },
  };
}

/** ARCHITECTURE.md, section 8. */
const agentBytes = 1_100_000;

const agentSize: Check = {
  name: 'size of the agent',
  hint: `dist/hostler-agent may have ${String(agentBytes)} bytes: it lies in every image`,
  run: async () => {
    const { size } = await stat(join(root, 'dist/hostler-agent'));
    return { ok: size <= agentBytes, output: `dist/hostler-agent has ${String(size)} bytes` };
  },
};

/** What would make the tree depend on one machine or one site. */
const machineOnly = [/\/home\/[a-z]+\//, /\/work\/(main|shared)\b/];

const neutral: Check = {
  name: 'no path of one machine',
  hint: 'take the path from an argument, the environment or import.meta',
  run: async () => {
    const listed = await step(['git', 'ls-files', '-z'], { bound: 20 });
    if (!listed.ok) return { ok: true, output: 'not a git tree' };
    const bad: string[] = [];
    for (const file of listed.output.split('\0').filter((name) => /\.(ts|js|cjs|mjs|sh|md|json|service)$/.test(name))) {
      if (file === 'package-lock.json' || file === 'test/tools/checks.ts') continue;
      const text = await readFile(join(root, file), 'utf8').catch(() => '');
      if (machineOnly.some((pattern) => pattern.test(text))) bad.push(file);
    }
    return { ok: bad.length === 0, output: bad.join('\n') };
  },
};

export const types = program(
  'types',
  'npx tsc -p .',
  'tsc',
  '-p',
  '.',
  '--incremental',
  '--tsBuildInfoFile',
  'node_modules/.cache/tsbuildinfo',
);

/** Everything that is checked without running the product; needs dist/. */
export const checks: readonly Check[] = [
  program('lint', 'npm run lint', 'eslint', '--max-warnings', '0', '.'),
  types,
  program(
    'import directions',
    'see .dependency-cruiser.cjs',
    'depcruise',
    '--output-type',
    'err',
    'shared',
    'cli',
    'manager',
    'agent',
    'deploy',
    'test',
  ),
  program('formatting', 'npm run format', 'prettier', '--check', '--cache', '--log-level', 'warn', '.'),
  program('unused code', 'npx knip', 'knip', '--no-progress'),
  program('contract', 'npm run generate', 'tsx', 'proto/generate.ts', '--check'),
  program(
    'lock file',
    'node deploy/complete-lock.mjs, or npm i',
    'npm',
    'ci',
    '--dry-run',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  ),
  agentSize,
  neutral,
];
