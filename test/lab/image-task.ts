/**
 * One image task in a process of its own, as the agent's spool runs it:
 *   node --import tsx test/lab/image-task.ts KIND TASK-DIR HOME [--clean-up]     (the specification is TASK-DIR/spec.json)
 * JSON lines on standard output: {"log"}, {"stage", "text"}, and at last {"result"} or {"failed", "code"}.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TaskContext, TaskKind } from '../../agent/tasks/types.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import { taskDirVariable } from '../../shared/process/children.ts';

const [name, dir = '', home = '', cleanUp] = process.argv.slice(2);
/** Only the one that is wanted is loaded. */
const kinds: Readonly<Record<string, () => Promise<TaskKind>>> = {
  'image-build': async () => (await import('../../agent/tasks/image-build/kind.ts')).imageBuild,
  'image-test': async () => (await import('../../agent/tasks/image-test/kind.ts')).imageTest,
  'image-pack': async () => (await import('../../agent/tasks/image-pack/kind.ts')).imagePack,
};
const kind = await kinds[name ?? '']?.();
if (kind === undefined) throw new Error(`no kind ${name ?? ''}`);
process.env[taskDirVariable] = dir;

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const controller = new AbortController();
process.once('SIGTERM', () => controller.abort(new HostlerError('cancelled', 'stopped by the test')));
const context: TaskContext = {
  id: basename(dir),
  spec: JSON.parse(readFileSync(join(dir, 'spec.json'), 'utf8')) as TaskContext['spec'],
  dir,
  home,
  installDir: join(home, 'install'),
  tftpDir: join(home, 'tftpboot'),
  correlation: 'test',
  signal: controller.signal,
  log: (log) => say({ log }),
  progress: (stage, text) => say({ stage, text }),
};

try {
  if (cleanUp === undefined) say({ result: await kind.run(context) });
  else await kind.cleanUp?.(context);
} catch (error) {
  const { code, message } = HostlerError.from(error);
  say({ failed: message, code });
  process.exitCode = 1;
}
