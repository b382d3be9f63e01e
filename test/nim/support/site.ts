import { mkdirSync } from 'node:fs';
import { nimTasks } from '../../../agent/tasks/nim/index.ts';
import { findCommand } from '../../../cli/commands/index.ts';
import { parseCommandLine } from '../../../cli/parse/getopt.ts';
import { verbs } from '../../../manager/verbs/index.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { Effect, Json, Report } from '../../../shared/verb/effect.ts';
import { withSecrets } from '../../../shared/verb/secret.ts';
import { asked } from '../../unit/support/asked.ts';
import { MemoryView, type Objects } from '../../unit/support/view.ts';
import { nimLab, type NimLab } from './lab.ts';

export interface Answer {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** A cluster without processes: command lines, verbs and tasks as they are, one after the other, against a stand-in. */
export interface NimSite extends NimLab {
  readonly view: MemoryView;
  /** Runs a command line as the CLI, the jobs engine and the agent would; single blanks and `="..."` are all that it knows of a shell. */
  hostler(line: string, input?: string): Promise<Answer>;
  /** Tasks for this agent go to another master, whose programs lie there. Called before and after each of them. */
  server(agent: string, bin: string, around?: (when: 'before' | 'after') => void): void;
}

interface Server {
  readonly bin: string;
  readonly around: (when: 'before' | 'after') => void;
}

export async function nimSite(objects: Objects = {}): Promise<NimSite> {
  const lab = await nimLab();
  const view = new MemoryView(objects);
  const install = `${lab.dir}/install`;
  const servers = new Map<string, Server>();
  mkdirSync(`${install}/prescripts`, { recursive: true });
  return {
    ...lab,
    view,
    server(agent, bin, around = () => undefined) {
      servers.set(agent, { bin, around });
    },
    async hostler(line, input) {
      const [name = '', ...words] = wordsOf(line);
      const definition = findCommand(name);
      const verb = verbs.get(name);
      if (!definition || !verb) throw new Error(`there is no command ${name}`);
      const { options, operands } = parseCommandLine(definition, words);
      let out = '';
      let err = '';
      let exit: number | undefined;
      const queue: Effect[] = [];
      const folders = {
        install,
        tftp: `${lab.dir}/tftpboot`,
        hostsFile: `${lab.dir}/hosts`,
        share: `${lab.dir}/share`,
      };
      let step = verb.start(
        asked(name, { options, operands, folders, ...(input === undefined ? {} : { input }) }),
        view,
      );
      queue.push(...step.effects);
      for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
        let report: Report | undefined;
        if (effect.do === 'say') {
          if (effect.error === true) err += effect.text;
          else out += effect.text;
        } else if (effect.do === 'commit') {
          view.commit(effect.changes);
          report = { about: 'commit', key: effect.key, outcome: 'done', revision: view.revision };
        } else if (effect.do === 'observe') view.observe(effect.type, effect.name, effect.values);
        else if (effect.do === 'run') {
          const { key, kind, on, spec } = effect.task;
          const server = servers.get(on.agent ?? '');
          report = await onServer(server, () =>
            runTask(lab, { key, kind, agent: on.agent ?? 'aixmn' }, withSecrets(spec, view)),
          );
        } else if (effect.do === 'done') exit = effect.exit;
        else if (effect.do === 'refuse') {
          err += `${effect.message}\n`;
          exit = effect.exit ?? 1;
        }
        if (report !== undefined && verb.on !== undefined && exit === undefined) {
          step = verb.on(step.state, report, view);
          queue.push(...step.effects);
        }
      }
      return { exit: exit ?? -1, out, err };
    },
  };
}

function wordsOf(line: string): string[] {
  return line.includes('="')
    ? (line.match(/(?:[^ "]|"[^"]*")+/g) ?? []).map((word) => word.replaceAll('"', ''))
    : line.split(' ');
}

async function onServer<T>(server: Server | undefined, work: () => Promise<T>): Promise<T> {
  if (server === undefined) return work();
  const before = process.env['PATH'] ?? '';
  process.env['PATH'] = `${server.bin}:${before}`;
  server.around('before');
  try {
    return await work();
  } finally {
    server.around('after');
    process.env['PATH'] = before;
  }
}

async function runTask(
  lab: NimLab,
  { key, kind, agent }: { key: string; kind: string; agent: string },
  spec: Json,
): Promise<Report> {
  const task = nimTasks.find((one) => one.kind === kind);
  if (!task) throw new Error(`no task ${kind}`);
  try {
    const context = {
      id: `test.${key}`,
      spec,
      dir: lab.dir,
      home: lab.dir,
      installDir: `${lab.dir}/install`,
      tftpDir: `${lab.dir}/tftpboot`,
      correlation: 'test',
      signal: new AbortController().signal,
      log: (line: string) => void lab.log.push(line),
      progress: () => {},
    };
    return { about: 'task', key, outcome: 'done', agent, result: await task.run(context) };
  } catch (thrown) {
    const error = HostlerError.from(thrown);
    return { about: 'task', key, outcome: 'failed', agent, code: error.code, message: error.message };
  }
}
