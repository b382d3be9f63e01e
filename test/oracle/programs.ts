import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { csvHeader, csvLine } from '../../shared/csv/index.ts';
import { tables } from '../../shared/schema/index.ts';
import { agrees, recordedServer } from './agreement.ts';
import type { Answer, Case, StartState } from './cases.ts';
import { Cell } from './cell.ts';
import type { Outcome } from './replay.ts';
import { run } from './shell.ts';
import { withDaemonRows } from './start-state.ts';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** Why the built programs cannot be replayed against; undefined: they can. */
export function whyNotBuilt(): string | undefined {
  const missing = ['bin/lsdef', 'hostler-manager'].find((name) => !existsSync(join(dist, name)));
  return missing === undefined ? undefined : `dist/${missing} is not there; run npm run build`;
}

/** Groups of commands that need somebody who writes files. */
const withAgent: ReadonlySet<string> = new Set(['makehosts-makedns']);

const environment: NodeJS.ProcessEnv = {
  LC_ALL: 'C',
  HOME: '/root',
  PATH: '/opt/hostler/bin:/opt/node:/usr/bin:/bin:/usr/sbin:/sbin',
  HOSTLER_HOME: '/tmp/home',
  // Where the original has it.
  HOSTLER_SHARE: '/opt/xcat/share/xcat',
};

/** Does something with a copy of the built programs, so that a build meanwhile does not change them under our feet. */
export async function withPrograms<T>(body: (programs: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hostler-dist-'));
  try {
    await cp(dist, folder, { recursive: true, verbatimSymlinks: true });
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Replays one group the way people work: bash, the built programs, a manager of its own, all in a cell. */
export async function replayPrograms(programs: string, cases: readonly Case[], state: StartState): Promise<Outcome[]> {
  const shown = { hostler: programs, node: dirname(process.execPath) };
  const hasAgent = cases.some(({ group }) => withAgent.has(group));
  const manager = [
    '/opt/node/node',
    '/opt/hostler/hostler-manager',
    ...['--home', '/tmp/home', ...(hasAgent ? ['--agent-roles', 'boot'] : ['--no-agent'])],
    ...['--install-dir', '/install', '--tftp-dir', '/tftpboot', '--hosts-file', '/etc/hosts'],
  ];
  const cell = await Cell.open(recordedServer, shown, manager, environment);
  const shell = (line: string, stdin?: string): Promise<Answer> => {
    const [program, argv] = cell.enter(['env', '-C', '/tmp/xocwd', 'bash', '-c', line]);
    return run(program, argv, stdin, environment, '/');
  };
  try {
    await cell.until(async () => (await shell('test -S /tmp/home/manager.sock')).rc === 0, 30);
    await startFrom(state, shell);
    if (hasAgent) await cell.until(async () => (await shell('hostler agents')).stdout.includes('connected'), 30);
    const outcomes: Outcome[] = [];
    for (const recorded of cases) {
      for (const line of recorded.setup) await shell(line);
      const answer = await shell(recorded.cmd, recorded.stdin);
      outcomes.push({ recorded, answer, agrees: agrees(recorded, answer, recordedServer) });
    }
    return outcomes;
  } finally {
    await cell.close();
  }
}

/** The tables of the start state, restored in one commit. */
async function startFrom(state: StartState, shell: (line: string, stdin?: string) => Promise<Answer>): Promise<void> {
  const files: string[] = [];
  await shell('mkdir -p /tmp/start');
  for (const [name, rows] of Object.entries(withDaemonRows(state))) {
    const columns = tables.get(name)?.columns ?? [];
    const lines = rows.map((row) => csvLine(columns.map((column) => row[column])));
    await shell(`cat > /tmp/start/${name}.csv`, `${[csvHeader(columns), ...lines].join('\n')}\n`);
    files.push(`/tmp/start/${name}.csv`);
  }
  const { rc, stdout, stderr } = await shell(`tabrestore ${files.join(' ')} && rm -r /tmp/start`);
  if (rc !== 0) throw new Error(`The start state was not taken (${rc}): ${stdout}${stderr}`);
}
