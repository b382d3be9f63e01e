import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endChildren } from '../../shared/process/children.ts';
import { imageBuildKind, type ImageBuildResult, type ImageBuildSpec } from '../../shared/task/image-build.ts';
import { imageTestKind, type ImageTestResult, type ImageTestSpec } from '../../shared/task/image-test.ts';
import { imagePackKind, type ImagePackResult, type ImagePackSpec } from '../../shared/task/image-pack.ts';

interface Said {
  readonly log?: string;
  readonly stage?: string;
  readonly text?: string;
  readonly result?: unknown;
  readonly failed?: string;
  readonly code?: string;
}

/** A task under way. */
export interface RunningTask<Result> {
  readonly dir: string;
  readonly child: ChildProcess;
  readonly logs: string[];
  readonly stages: string[];
  /** Rejects with the task's message; its `code` is the error's. */
  readonly result: Promise<Result>;
}

/** Image tasks on this machine, without agent or manager: specifications with everything filled in, run for real. */
export class ImageTasks {
  readonly home: string;
  readonly #environment: Readonly<Record<string, string>>;
  #tasks = 0;

  /** `environment`: for the tasks' processes, as HOSTLER_AGENT_PROGRAM. */
  constructor(home: string, environment: Readonly<Record<string, string>>) {
    this.home = home;
    this.#environment = environment;
  }

  build(rootimgdir: string, spec: Partial<ImageBuildSpec> = {}): Promise<RunningTask<ImageBuildResult>> {
    const whole: ImageBuildSpec = {
      image: 'img',
      osvers: 'debian12',
      arch: 'x86_64',
      profile: 'compute',
      rootimgdir,
      pkgdir: [],
      pkglist: [],
      otherpkgdir: [],
      otherpkglist: [],
      postinstall: [],
      netdrivers: [],
      kernelver: '',
      krpmver: '',
      kerneldir: '',
      driverupdatesrc: [],
      ignorekernelchk: false,
      permission: '755',
      interfaces: [],
      rootlimit: '',
      tmplimit: '',
      noderuntime: '',
      search: false,
      environment: {},
      nodeagent: 'once',
      onlyinitrd: false,
      noupdate: false,
      fresh: false,
      addkcmdline: '',
      ...spec,
    };
    return this.#start(imageBuildKind, whole);
  }

  pack(rootimgdir: string, spec: Partial<ImagePackSpec> = {}): Promise<RunningTask<ImagePackResult>> {
    const whole: ImagePackSpec = {
      image: 'img',
      rootimgdir,
      method: 'squashfs',
      compress: 'zstd',
      exlist: [],
      store: { agent: 'self', endpoints: [] },
      info: { osvers: 'debian12', arch: 'x86_64', profile: 'compute' },
      ...spec,
    };
    return this.#start(imagePackKind, whole);
  }

  test(spec: ImageTestSpec): Promise<RunningTask<ImageTestResult>> {
    return this.#start(imageTestKind, spec);
  }

  /** What the spool does when a task's process died: ends its programs, then lets the kind clean up. */
  async cleanUp(kind: string, task: RunningTask<unknown>): Promise<void> {
    await endChildren(task.dir);
    await this.#run(kind, task.dir, '--clean-up').result;
  }

  async #start<Result>(kind: string, spec: object): Promise<RunningTask<Result>> {
    this.#tasks += 1;
    const dir = join(this.home, 'tasks', `j${this.#tasks}.${kind}`);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(join(dir, 'spec.json'), JSON.stringify(spec));
    return this.#run(kind, dir) as RunningTask<Result>;
  }

  #run(kind: string, dir: string, ...more: string[]): RunningTask<unknown> {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'test/lab/image-task.ts', kind, dir, this.home, ...more],
      {
        env: { ...process.env, ...this.#environment },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const logs: string[] = [];
    const stages: string[] = [];
    let last: Said = {};
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as Said;
      if (said.log !== undefined) logs.push(said.log);
      else if (said.stage !== undefined) stages.push(`${said.stage}: ${said.text ?? ''}`);
      else last = said;
    });
    const result = once(child, 'close').then(([exit, signal]: unknown[]) => {
      if (exit === 0) return last.result;
      const why = last.failed ?? `the task ended by ${String(signal)}, exit ${String(exit)}`;
      throw Object.assign(new Error(why), { code: last.code });
    });
    // A test may look at it much later, or not at all.
    result.catch(() => {});
    return { dir, child, logs, stages, result };
  }
}
