import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageBuild } from '../../agent/tasks/image-build/kind.ts';
import { readEntries, sameEntry } from '../../agent/tasks/image-tree/entries.ts';
import type { Entry } from '../../agent/tasks/image-tree/entries.ts';
import { imagePack } from '../../agent/tasks/image-pack/kind.ts';
import type { ImageBuildResult, ImageBuildSpec } from '../../shared/task/image-build.ts';
import type { ImagePackResult, ImagePackSpec } from '../../shared/task/image-pack.ts';
import type { TaskKind } from '../../agent/tasks/types.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { DebDistribution } from './deb-distribution.ts';

/** How often the programs of each stage were called. `layers`: files, postinstall and agent together. */
export interface Calls {
  readonly bootstrap: number;
  readonly packages: number;
  readonly otherpkgs: number;
  readonly layers: number;
  readonly postinstall: number;
  readonly initrd: number;
}

const other = 'other-one';

/** Builds of one small image in this process, with everything that decides it in files that a test may change. */
export class StageBuilds {
  readonly dir: string;
  readonly lab: DebDistribution;
  readonly home: string;
  readonly image: string;
  readonly logs: string[] = [];
  readonly #environment: NodeJS.ProcessEnv;
  #tasks = 0;

  constructor(dir: string) {
    this.dir = dir;
    this.lab = new DebDistribution(join(dir, 'lab'));
    this.home = join(dir, 'home');
    this.image = join(dir, 'image');
    this.#environment = { ...process.env };
    process.env['PATH'] = `${this.lab.bin}:${process.env['PATH'] ?? ''}`;
    process.env['HOSTLER_AGENT_PROGRAM'] = this.at('agent');
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  tree(path: string, image = this.image): string {
    return join(image, 'rootimg', path);
  }

  /** A text of the tree, undefined when there is none. */
  shown(path: string): string | undefined {
    const file = this.tree(path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  write(name: string, text: string, mode = 0o644): void {
    writeFileSync(this.at(name), text);
    chmodSync(this.at(name), mode);
  }

  /** Everything as it was in the beginning. */
  async reset(): Promise<void> {
    const { lab } = this;
    lab.has({ name: 'hello', depends: 'hello-data', files: { 'usr/bin/hello': 'hello 1\n' } });
    lab.has({ name: 'hello-data', files: { 'usr/share/hello': 'data 1\n' } });
    lab.has({ name: 'tools', files: { 'usr/bin/tools': 'tools 1\n' } });
    lab.has({ name: 'extra', files: { 'usr/bin/extra': 'extra 1\n' } });
    lab.has({ name: 'unrelated' });
    lab.has(lab.kernel('one'));
    lab.has({ name: 'dbus' });
    lab.has({ name: 'apt', essential: true });
    await lab.publish();
    await lab.publishOther(this.at('other'), [{ name: other, files: { 'opt/other': 'other 1\n' } }]);
    for (const program of ['mmdebstrap', 'apt-get', 'dpkg', 'zstd', 'mksquashfs']) lab.version(program);
    this.write('pkglist', '# for the test\nhello\n#INCLUDE:more#\n');
    this.write('more', 'tools\n');
    this.write('otherpkglist', `${other}\n`);
    this.write('post', this.script('one'), 0o755);
    this.write('named', 'named 1\n');
    this.write('agent', 'agent 1\n');
    this.write('exlist', './usr/share/doc*\n');
    this.write('synced', 'synced 1\n');
    this.write('secret', 'secret 1\n', 0o600);
    for (const name of ['synced', 'secret']) utimesSync(this.at(name), 1_700_000_000, 1_700_000_000);
    this.write('synclist', `${this.at('synced')} -> /etc/synced\n${this.at('secret')} -> /etc/secret\n`);
  }

  /** It writes down that it ran, and what it was given. */
  script(word: string): string {
    return [
      '#!/bin/sh',
      `echo ran >>${this.at('post.log')}`,
      `echo "${word} $2 $3 $4 $COLOR" >"$1/etc/post"`,
      'shift 4',
      'for file; do cat "$file" >>"$IMG_ROOTIMGDIR/etc/post"; done',
      '',
    ].join('\n');
  }

  get spec(): ImageBuildSpec {
    return {
      image: 'img',
      osvers: 'debian12',
      arch: 'x86_64',
      profile: 'compute',
      rootimgdir: this.image,
      pkgdir: [this.lab.repository],
      pkglist: [this.at('pkglist')],
      otherpkgdir: [this.at('other')],
      otherpkglist: [this.at('otherpkglist')],
      postinstall: [`${this.at('post')} ${this.at('named')}`],
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
      environment: { COLOR: 'red' },
      nodeagent: 'once',
      onlyinitrd: false,
      noupdate: false,
      fresh: false,
      addkcmdline: '',
    };
  }

  build(changes: Partial<ImageBuildSpec> = {}, home = this.home, signal?: AbortSignal): Promise<ImageBuildResult> {
    return this.#run(imageBuild, { ...this.spec, ...changes }, home, signal) as Promise<ImageBuildResult>;
  }

  pack(changes: Partial<ImagePackSpec> = {}, home = this.home): Promise<ImagePackResult> {
    const spec: Required<ImagePackSpec> = {
      image: 'img',
      rootimgdir: this.image,
      method: 'squashfs',
      compress: 'zstd',
      exlist: [this.at('exlist')],
      synclists: [this.at('synclist')],
      broughtSynclists: false,
      key: '',
      rootPassword: '$6$salt$cluster',
      timezone: '',
      store: { agent: 'self', endpoints: [] },
      info: { osvers: 'debian12', arch: 'x86_64', profile: 'compute' },
      ...changes,
    };
    return this.#run(imagePack, spec as unknown as Json, home) as Promise<ImagePackResult>;
  }

  async #run(kind: TaskKind, spec: Json, home: string, signal?: AbortSignal): Promise<unknown> {
    this.#tasks += 1;
    this.logs.length = 0;
    const dir = this.at(`task-${this.#tasks}`);
    mkdirSync(dir, { recursive: true });
    try {
      return await kind.run({
        id: `task-${this.#tasks}`,
        spec,
        dir,
        home,
        installDir: this.dir,
        tftpDir: this.dir,
        correlation: 'test',
        signal: signal ?? new AbortController().signal,
        log: (line) => void this.logs.push(line),
        progress: () => {},
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  forget(): void {
    this.lab.forget();
    rmSync(this.at('post.log'), { force: true });
  }

  /** Since the last `forget`. */
  calls(): Calls {
    const lines = this.lab.commands();
    const count = (test: (line: string) => boolean): number => lines.filter(test).length;
    const installs = (line: string): boolean => /^apt-get .* install /.test(line);
    const elsewhere = (line: string): boolean => installs(line) && line.includes(other);
    const packages = count((line) => installs(line) && !elsewhere(line));
    const held = count((line) => line.startsWith('setpriv '));
    const mounted = count((line) => line.startsWith('setpriv ') && / yes /.test(line));
    const log = this.at('post.log');
    return {
      bootstrap: count((line) => line.startsWith('mmdebstrap ')),
      packages,
      otherpkgs: count(elsewhere),
      layers: held - mounted,
      postinstall: existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0,
      initrd: count((line) => line.startsWith('zstd ')),
    };
  }

  /** How often a tree was packed since the last `forget`. */
  packings(): number {
    return this.lab.commands().filter((line) => /^(?:mksquashfs|pigz) /.test(line)).length;
  }

  async entries(image = this.image): Promise<Map<string, Entry>> {
    const found = await readEntries(join(image, 'rootimg'), new AbortController().signal);
    return new Map(found.map((entry) => [entry.path, entry]));
  }

  /** Paths in which two trees differ. */
  async different(image: string, than = this.image): Promise<string[]> {
    const [a, b] = [await this.entries(image), await this.entries(than)];
    return [...new Set([...a.keys(), ...b.keys()])].filter((path) => {
      const [x, y] = [a.get(path), b.get(path)];
      return x === undefined || y === undefined || !sameEntry(x, y);
    });
  }

  dispose(): void {
    process.env = this.#environment;
    rmSync(this.dir, { recursive: true, force: true });
  }
}
