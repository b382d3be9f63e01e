// bound: 120 s
import { chmod, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packPieces } from '../../agent/tasks/clone/pieces/pack.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { overridesFor, pieceFor, scriptsFor, type ClonePiece } from '../../shared/clone/pieces.ts';
import { processFailure } from '../../shared/process/failure.ts';
import { run } from '../../shared/process/run.ts';

/*
 * Overrides and post-install scripts, packed by real tar and zstd, and laid by the installer's own functions: its shell
 * script without the network and without a chroot, for which the target folder stands.
 */

let dir: string;
let target: string;
let pieces: ClonePiece[];
const tree = () => join(dir, 'sysclone/images/img');
const taker = { image: 'img', node: 'gpu01', groups: ['gpu', 'compute'] };

async function put(path: string, text: string, mode = 0o644): Promise<void> {
  const file = join(dir, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
  await chmod(file, mode);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-pieces-'));
  target = join(dir, 'target');
  await put('sysclone/overrides/img/etc/order', 'img');
  await put('sysclone/overrides/global/etc/order', 'global');
  await put('sysclone/overrides/compute/etc/order', 'compute');
  await put('sysclone/overrides/gpu/etc/order', 'gpu');
  await put('sysclone/overrides/gpu01/etc/order', 'gpu01');
  await put('sysclone/overrides/gpu02/etc/secret', 'of gpu02');
  await put('sysclone/overrides/gpu/lib/firmware/new', 'x');
  await put('sysclone/overrides/gpu/etc/replaced', 'from the override');
  await run('cp', ['/usr/bin/true', join(dir, 'sysclone/overrides/gpu/etc/able')]);
  await run('setcap', ['cap_net_raw=ep', join(dir, 'sysclone/overrides/gpu/etc/able')]);
  const script = (name: string, more = ''): Promise<void> =>
    put(`sysclone/scripts/post-install/${name}`, `#!/bin/sh\necho "${name} $HOSTNAME $IMAGENAME" >>"$TRACE"\n${more}`);
  await script('20all.second', 'echo "$GROUPNAMES" >>"$TRACE"\n');
  await script('10all.first');
  await script('05compute.third');
  await script('01gpu02.never');
  await script('99gpu.between');
  await script('30gpu01.last');
  await put('sysclone/scripts/post-install/10all.old~', 'no');
  await put('sysclone/scripts/post-install/notes', 'no script');
  await mkdir(join(target, 'usr/lib'), { recursive: true });
  await symlink('usr/lib', join(target, 'lib'));
  await mkdir(join(target, 'etc'), { mode: 0o755 });
  await writeFile(join(target, 'etc/elsewhere'), 'must stay');
  await symlink('elsewhere', join(target, 'etc/replaced'));
  const lines: string[] = [];
  const context = {
    signal: AbortSignal.timeout(60_000),
    log: (line: string) => lines.push(line),
    progress: () => undefined,
  } as unknown as TaskContext;
  pieces = await packPieces(tree(), join(dir, 'pieces'), context);
  expect(lines.join()).toContain('post-install/notes: a script is a file called NNclass.name');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** The installer's functions; `ask` reads from the packed file what the boot server would hand out. */
async function install(lines: readonly string[]): Promise<void> {
  const text = await readFile(new URL('../../agent/tasks/clone/installer/clone.sh', import.meta.url), 'utf8');
  const functions = text
    .slice(0, text.indexOf('# shellcheck source=/dev/null'))
    .replace('set -e -o pipefail', 'set -e');
  const asked = pieces.map(
    (one) => `*digest=${one.digest}) tail -c +${one.at + 1} '${dir}/pieces' | head -c ${one.bytes} >"$to" ;;`,
  );
  const program = `${functions.replaceAll('target=/target', `target='${target}'`)}
step() { :; }
tar() { command tar "$@"; }
in_target() {
  case $1 in
  tar) shift; command tar "$@" --directory '${target}' ;;
  *) ( cd '${target}/tmp/post-install' && set -a && . ./variables.txt && set +a && TRACE='${dir}/trace' "./$5" ) ;;
  esac
}
ask() {
  to='' url=''
  while [ $# -gt 0 ]; do case $1 in -o) to=$2; shift ;; https:*) url=$1 ;; esac; shift; done
  case $url in ${asked.join('\n')}
  *) return 22 ;; esac
}
booter=boot1 secure=https://x
mkdir -p '${target}/tmp/post-install'
printf "HOSTNAME=gpu01\\nIMAGENAME=img\\nGROUPNAMES='gpu compute'\\n" >'${target}/tmp/post-install/variables.txt'
sleep() { :; }
${lines.join('\n')}
`;
  // tar takes the folder given last; the function above stands for a chroot.
  await run('sh', ['-c', program.replaceAll(' -C / ', ' ')]);
}

describe('overrides and scripts of a golden image', () => {
  it('are for some nodes, in the order that is promised', () => {
    expect(overridesFor(pieces, taker).map(({ name }) => name)).toEqual(['img', 'global', 'compute', 'gpu', 'gpu01']);
    expect(scriptsFor(pieces, taker).map(({ name }) => name)).toEqual([
      '10all.first',
      '20all.second',
      '99gpu.between',
      '05compute.third',
      '30gpu01.last',
    ]);
    const foreign = pieces.find(({ name }) => name === 'gpu02')?.digest ?? '';
    expect(() => pieceFor(pieces, taker, foreign)).toThrow('no such piece');
    expect(pieceFor(pieces, { ...taker, node: 'gpu02' }, foreign).name).toBe('gpu02');
  });

  it('are laid over the tree: later ones win, folders and links to folders stay, nothing is written through a link', async () => {
    const { mode } = await stat(join(target, 'etc'));
    await chmod(join(dir, 'sysclone/overrides/gpu/etc'), 0o700);
    await install(overridesFor(pieces, taker).map((one) => `lay ${one.name} ${one.digest}`));
    expect(await readFile(join(target, 'etc/order'), 'utf8')).toBe('gpu01');
    expect((await stat(join(target, 'etc'))).mode).toBe(mode);
    expect((await lstat(join(target, 'lib'))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(target, 'usr/lib/firmware/new'), 'utf8')).toBe('x');
    expect(await readFile(join(target, 'etc/elsewhere'), 'utf8')).toBe('must stay');
    expect(await readFile(join(target, 'etc/replaced'), 'utf8')).toBe('from the override');
    expect((await run('getcap', [join(target, 'etc/able')])).stdout).toContain('cap_net_raw');
    await expect(stat(join(target, 'etc/secret'))).rejects.toThrow();
    await expect(stat(join(target, 'tmp/.hostler-piece'))).rejects.toThrow();
  });

  it('run with what they want to know, and leave nothing behind', async () => {
    const scripts = scriptsFor(pieces, taker).map((one) => `run_script ${one.name} ${one.digest}`);
    await install([...scripts, 'scripts_done']);
    expect((await readFile(join(dir, 'trace'), 'utf8')).split('\n')).toEqual([
      '10all.first gpu01 img',
      '20all.second gpu01 img',
      'gpu compute',
      '99gpu.between gpu01 img',
      '05compute.third gpu01 img',
      '30gpu01.last gpu01 img',
      '',
    ]);
    await expect(stat(join(target, 'tmp/post-install'))).rejects.toThrow();
  });

  it('end the installation when a script fails, and when a piece is not what was to come', async () => {
    await put('sysclone/scripts/post-install/70all.fails', '#!/bin/sh\nexit 3\n');
    await rm(join(dir, 'pieces'));
    pieces = await packPieces(tree(), join(dir, 'pieces'), {
      signal: AbortSignal.timeout(60_000),
      log: () => undefined,
      progress: () => undefined,
    } as unknown as TaskContext);
    const fails = pieces.find(({ name }) => name === '70all.fails');
    const said = async (line: string): Promise<string> =>
      install([line]).then(
        () => 'no failure',
        (error: unknown) => processFailure(error)?.stdout ?? String(error),
      );
    expect(await said(`run_script 70all.fails ${fails?.digest ?? ''}`)).toContain('70all.fails ended with 3');
    expect(await said(`lay global ${'0'.repeat(64)}`)).toContain('does not give the piece');
  });
});
