import { chmod, copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../shared/process/run.ts';

/** A file of an RPM: text, a copy of a file or folder of this machine, or a symbolic link. */
export type RpmContent =
  { readonly text: string; readonly mode?: number } | { readonly copy: string } | { readonly link: string };

export interface LabRpm {
  readonly name: string;
  readonly version?: string;
  readonly release?: string;
  readonly epoch?: number;
  readonly requires?: readonly string[];
  readonly provides?: readonly string[];
  /** By path in the image. */
  readonly files?: Readonly<Record<string, RpmContent>>;
  /** By section (`%pre`, `%post`): lines of a shell script. */
  readonly scripts?: Readonly<Record<string, string>>;
}

export interface LabRepository {
  readonly rpms: readonly LabRpm[];
  readonly arch?: string;
  /** Group of comps.xml to the packages in it. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** Module stream (`nodejs:20`) to the packages in it. */
  readonly streams?: Readonly<Record<string, readonly string[]>>;
  /** Packages only, as somebody copies them together. */
  readonly bare?: boolean;
}

/** Makes the RPMs with one call of rpmbuild, and the repository's metadata. `work`: a folder that may be left. */
export async function makeRepository(folder: string, repository: LabRepository, work: string): Promise<void> {
  const { rpms, arch = 'x86_64' } = repository;
  await mkdir(folder, { recursive: true });
  const payload = join(work, 'payload');
  await rm(payload, { recursive: true, force: true });
  for (const rpm of rpms) await layOut(join(payload, rpm.name), rpm.files ?? {});
  const spec = join(work, 'lab.spec');
  await writeFile(spec, specText(rpms, payload));
  await run(
    'rpmbuild',
    [
      ...['-bb', '--quiet', '--target', arch],
      ...['--define', `_topdir ${work}/top`],
      ...['--define', `_rpmdir ${folder}`],
      ...['--define', '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm'],
      ...['--define', '_binary_payload w1.zstdio'],
      ...['--define', 'source_date_epoch_from_changelog 0'],
      ...['--define', '__os_install_post %{nil}', '--define', '_build_id_links none'],
      spec,
    ],
    { cwd: work, timeoutMs: 240_000 },
  );
  await rm(payload, { recursive: true });
  if (repository.bare === true) return;
  const comps = join(work, 'comps.xml');
  await writeFile(comps, compsText(repository.groups ?? {}));
  await run('createrepo_c', ['--quiet', '--no-database', '--groupfile', comps, folder]);
  const modules = join(work, 'modules.yaml');
  if (repository.streams === undefined) return;
  await writeFile(modules, modulesText(repository.streams, rpms, arch));
  await run('modifyrepo_c', ['--mdtype=modules', modules, join(folder, 'repodata')]);
}

async function layOut(folder: string, files: Readonly<Record<string, RpmContent>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    if ('text' in content) {
      await writeFile(file, content.text);
      await chmod(file, content.mode ?? 0o644);
    } else if ('link' in content) await symlink(content.link, file);
    else await copyFile(content.copy, file);
  }
}

function specText(rpms: readonly LabRpm[], payload: string): string {
  const lines = [
    ...['Name: lab', 'Version: 1', 'Release: 1', 'Summary: lab', 'License: MIT', 'AutoReqProv: no'],
    ...['%description', 'Made by a test.', '%install'],
    ...rpms.map((rpm) => `cp -a ${payload}/${rpm.name}/. %{buildroot}/`),
  ];
  for (const rpm of rpms) {
    lines.push(
      `%package -n ${rpm.name}`,
      `Summary: ${rpm.name}`,
      ...(rpm.epoch === undefined ? [] : [`Epoch: ${rpm.epoch}`]),
      `Version: ${rpm.version ?? '1.0'}`,
      `Release: ${rpm.release ?? '1'}`,
      'AutoReqProv: no',
      ...(rpm.requires ?? []).map((name) => `Requires: ${name}`),
      ...(rpm.provides ?? []).map((name) => `Provides: ${name}`),
      `%description -n ${rpm.name}`,
      'Made by a test.',
      `%files -n ${rpm.name}`,
      '%defattr(-,root,root)',
      ...Object.keys(rpm.files ?? {}).map((path) => `"${path}"`),
      ...Object.entries(rpm.scripts ?? {}).flatMap(([section, script]) => [`${section} -n ${rpm.name}`, script]),
    );
  }
  return `${lines.join('\n')}\n`;
}

function compsText(groups: Readonly<Record<string, readonly string[]>>): string {
  const text = Object.entries(groups).map(
    ([id, names]) =>
      `<group><id>${id}</id><name>${id}</name><default>false</default><uservisible>true</uservisible><packagelist>` +
      `${names.map((name) => `<packagereq type="mandatory">${name}</packagereq>`).join('')}</packagelist></group>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<comps>${text.join('')}</comps>\n`;
}

function modulesText(
  streams: Readonly<Record<string, readonly string[]>>,
  rpms: readonly LabRpm[],
  arch: string,
): string {
  return Object.entries(streams)
    .map(([id, names]) => {
      const [module = '', stream = ''] = id.split(':');
      const artifacts = rpms
        .filter((rpm) => names.includes(rpm.name))
        .map((rpm) => `    - ${rpm.name}-${rpm.epoch ?? 0}:${rpm.version ?? '1.0'}-${rpm.release ?? '1'}.${arch}`);
      return [
        ...['---', 'document: modulemd', 'version: 2', 'data:', `  name: ${module}`, `  stream: "${stream}"`],
        ...['  version: 1', '  context: lab', `  arch: ${arch}`, `  summary: ${module}`, '  description: lab'],
        ...['  license: {module: [MIT]}', '  artifacts:', '    rpms:', ...artifacts, '...', ''],
      ].join('\n');
    })
    .join('');
}

/** A program of this machine with the libraries it is linked to, by their paths. */
export async function programFiles(program: string): Promise<Record<string, RpmContent>> {
  const { stdout } = await run('ldd', [program]);
  const libraries = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)].map((match) => match[1] ?? '');
  return Object.fromEntries(libraries.map((file) => [file, { copy: file }] as const));
}

/** Links of a busybox to the names of its programs. */
export function busyboxLinks(...names: string[]): Record<string, RpmContent> {
  return Object.fromEntries(names.map((name) => [`/usr/bin/${name}`, { link: 'busybox' }]));
}

/** Modules of a kernel with all that they need, and its own file as an RPM has it. */
export async function kernelFiles(
  kernel: { readonly file: string; readonly version: string; readonly root: string },
  image: string,
  modules: readonly string[],
): Promise<Record<string, RpmContent>> {
  const { stdout } = await run('modprobe', [
    ...['-d', kernel.root, '-S', kernel.version, '--show-depends', '-a', ...modules],
  ]);
  const folder = `/usr/lib/modules/${kernel.version}`;
  const found: Record<string, RpmContent> = { [`${folder}/${image}`]: { copy: kernel.file } };
  for (const [, file = ''] of stdout.matchAll(/^insmod (\S+)/gm)) {
    const at = file.indexOf(`/lib/modules/${kernel.version}/`);
    found[`/usr${file.slice(at)}`] = { copy: file };
  }
  for (const name of ['modules.builtin', 'modules.order', 'modules.builtin.modinfo']) {
    found[`${folder}/${name}`] = { copy: join(kernel.root, 'lib/modules', kernel.version, name) };
  }
  return found;
}
