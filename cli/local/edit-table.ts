// An editor needs the terminal itself, which shared/process keeps from programs.
// eslint-disable-next-line no-restricted-imports
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { CommandLine } from '../command.ts';
import { tabdump } from '../commands/tabdump.ts';
import { tabrestore } from '../commands/tabrestore.ts';
import { askVerb, show } from './ask.ts';

/** tabedit: a table as a file in the user's editor, and back. What cannot be taken stays in the file, which is named. */
export async function editTable(line: CommandLine, command: string): Promise<number> {
  const table = line.operands[0] ?? '';
  const asked = { options: {}, operands: [table] };
  const before = await askVerb(tabdump, asked, command);
  if (before.exit !== 0) return show(before);
  const folder = mkdtempSync(join(tmpdir(), 'hostler-tabedit-'));
  const path = join(folder, `${table}.csv`);
  let keep = false;
  try {
    writeFileSync(path, before.stdout, { mode: 0o600 });
    edit(path);
    const text = readFileSync(path, 'utf8');
    if (text === before.stdout) {
      process.stdout.write('No file modifications detected, not restoring.\n');
      return 0;
    }
    keep = true;
    const now = await askVerb(tabdump, asked, command);
    if (now.stdout !== before.stdout) {
      throw new HostlerError(
        'aborted',
        `The table ${table} was changed by somebody else meanwhile. Your edit is in ${path}.`,
      );
    }
    const after = await askVerb(tabrestore, { options: {}, operands: [path] }, command, { [path]: text });
    if (after.exit !== 0) {
      show(after);
      process.stderr.write(`Nothing was changed. Your edit is in ${path}.\n`);
      return after.exit;
    }
    keep = false;
    return 0;
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
}

/** TABEDITOR, VISUAL or EDITOR, with its arguments, else vi. */
function edit(path: string): void {
  const chosen = process.env['TABEDITOR'] ?? process.env['VISUAL'] ?? process.env['EDITOR'] ?? 'vi';
  const [program = 'vi', ...argv] = chosen.split(/\s+/).filter((word) => word !== '');
  const ended = spawnSync(program, [...argv, path], { stdio: 'inherit' });
  if (ended.error === undefined && ended.status === 0) return;
  const why = ended.error?.message ?? `it ended with ${ended.status ?? ended.signal ?? 'nothing'}`;
  throw new HostlerError('failed_precondition', `The editor '${chosen}' did not do its work (${why}); set EDITOR.`);
}
