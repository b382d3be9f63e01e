// genimage on another machine, chosen or named, whose folders are its own: nobody logs in there, and what it made comes
// back through the store. bound: 300 s
import {
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../agent/store/blobs.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run as program } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { RealAgent } from '../lab/real-agent.ts';
import { labDistribution } from '../lab/rpm-distribution.ts';
import { makeRepository } from '../lab/rpm-repository.ts';
import { type Command, type Ended, commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';

const programs = ['dnf', 'rpmbuild', 'createrepo_c', 'mksquashfs', 'unshare'];
const why = process.getuid?.() === 0 ? programs.find((program) => which(program) === undefined) : 'root';
const megabytes = 250;
/** The agent on the management node is called as the manager is. */
const here = hostname().split('.')[0]?.toLowerCase() ?? '';

describe.skipIf(why !== undefined)(why === undefined ? 'a build elsewhere' : `a build elsewhere (needs ${why})`, () => {
  let dir = '';
  let manager: RealManager;
  let command: Command;
  let keeper: RealAgent;
  let near: RealAgent;
  let far: RealAgent;
  const at = (...path: string[]): string => join(dir, ...path);
  const run = (name: string, ...args: string[]): Promise<Ended> => command(name, args, { timeoutMs: 180_000 });
  const done = async (name: string, ...args: string[]): Promise<Ended> => {
    const ended = await run(name, ...args);
    if (ended.exit !== 0) throw new Error(`${name} ${args.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return ended;
  };
  /** The upload of the image as the store has it so far. */
  const growing = (): { readonly file: string; readonly bytes: number } | undefined => {
    const folder = join(keeper.home, 'store/partial');
    if (!existsSync(folder)) return undefined;
    for (const name of readdirSync(folder).filter((one) => /^[0-9a-f]{64}$/.test(one))) {
      try {
        const { size } = statSync(join(folder, name));
        if (size > 8 * 2 ** 20) return { file: join(folder, name), bytes: size };
      } catch {
        // It is complete.
      }
    }
    return undefined;
  };
  /** Packs what `far` built and kills the store in the middle; `meanwhile` is done with what it has. */
  const packCut = async (meanwhile: (file: string) => void): Promise<{ packed: Ended; had: number; least: number }> => {
    const packing = run('packimage', 'img');
    const until = Date.now() + 60_000;
    let found = growing();
    for (; found === undefined && Date.now() < until; found = growing()) await delay(2);
    if (found === undefined) throw new Error(`Nothing was sent. ${JSON.stringify(await packing)}`);
    await keeper.kill();
    const had = statSync(found.file).size;
    meanwhile(found.file);
    let least = had;
    let over = false;
    void packing.finally(() => (over = true));
    const watched = (async () => {
      while (!over) {
        if (existsSync(found.file)) least = Math.min(least, statSync(found.file).size);
        await delay(2);
      }
    })();
    await keeper.up();
    const packed = await packing;
    await watched;
    return { packed, had, least };
  };
  const rebuild = async (): Promise<void> => {
    // Other content, so that the store has nothing of it yet.
    writeFileSync(at('lists/seed'), String(Math.random()));
    await done('genimage', '--on', 'far', 'img');
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hostler-on-'));
    for (const name of ['work', 'site', 'lists', 'empty', 'images', 'far-images']) await mkdir(at(name));
    const rpms = await labDistribution('rocky9.4', 'x86_64', false);
    await makeRepository(at('site/rocky'), { rpms, streams: { 'nodejs:20': ['nodejs'] } }, at('work'));
    await rm(at('work'), { recursive: true });
    writeFileSync(at('lists/pkglist'), '#INCLUDE:more#\n');
    writeFileSync(at('lists/more'), '# nothing more\n');
    writeFileSync(at('lists/exlist'), './usr/share/lab-only-here\n');
    writeFileSync(at('lists/seed'), '');
    writeFileSync(
      at('lists/post'),
      `#!/bin/sh\nmkdir -p "$IMG_ROOTIMGDIR/opt"\nhead -c ${megabytes}M /dev/urandom >"$IMG_ROOTIMGDIR/opt/incompressible"\n`,
      { mode: 0o755 },
    );
    manager = await RealManager.start();
    command = commandsFor(manager.env);
    keeper = new RealAgent(manager, command, { home: at('keeper'), name: here, roles: 'store' });
    near = new RealAgent(manager, command, { home: at('near'), name: 'near', roles: 'build' });
    far = new RealAgent(manager, command, { home: at('far'), name: 'far', roles: 'build' });
    await keeper.up();
    await near.up();
    // What is under the same path there is another folder.
    const own = 'mount --bind "$1" "$2"; mount --bind "$3" "$4"; shift 4; exec "$@"';
    const unshare = ['unshare', '--mount', '--propagation', 'private', '--'];
    await far.up([...unshare, 'sh', '-eu', '-c', own, 'sh', at('far-images'), at('images'), at('empty'), at('lists')]);
    await done(
      'mkdef',
      ...['-t', 'osimage', 'img', 'imagetype=linux', 'osname=Linux', 'osvers=rocky9.4', 'osarch=x86_64'],
      ...['profile=compute', 'provmethod=netboot', `pkglist=${at('lists/pkglist')}`, `pkgdir=${at('site/rocky')}`],
      ...[`postinstall=${at('lists/post')} ${at('lists/seed')}`, `rootimgdir=${at('images/img')}`],
    );
  }, 120_000);
  afterAll(async () => {
    for (const agent of [far, near, keeper]) await agent.dispose();
    await manager.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  it('--on decides; who is named and cannot is told', async () => {
    expect((await run('genimage', '--on', 'nosuch', 'img')).stderr).toContain("There is no agent 'nosuch'.");
    expect((await run('genimage', '--on', here, 'img')).stderr).toContain(
      `The agent '${here}' does not have the role 'build'.`,
    );
    const built = await done('genimage', '--on', 'far', 'img');
    expect(built.stdout).toMatch(/Built .* on far\)/);
    // It had no lists: they were brought to it.
    expect(readdirSync(at('far/cache/lists')).filter((name) => name.startsWith('img-'))).toHaveLength(1);
    expect(existsSync(at('far-images/img/rootimg/etc/os-release'))).toBe(true);
    expect(readdirSync(at('images'))).toEqual([]);
  }, 120_000);

  it('the image comes back through the store: cut in the middle, it goes on from there', async () => {
    const { packed, had, least } = await packCut(() => undefined);
    expect(packed.exit, packed.stderr).toBe(0);
    expect(packed.stdout).toMatch(/The image is img@/);
    expect(had).toBeGreaterThan(8 * 2 ** 20);
    // Never begun again.
    expect(least).toBe(had);
    expect((await done('hostler', 'image', 'verify', 'img')).exit).toBe(0);
    const version: unknown = JSON.parse((await done('hostler', 'image', 'show', 'img', '--json')).stdout);
    expect(version).toMatchObject({ 'image.store': here, 'image.builtby': 'far' });
  }, 120_000);

  it('what is not what was sent is refused, and sent again as a whole', async () => {
    await rebuild();
    const { packed, had, least } = await packCut((file) => {
      const out = openSync(file, 'r+');
      writeSync(out, Buffer.from('altered'), 0, 7, 4096);
      closeSync(out);
    });
    expect(packed.stdout).toMatch(/The image is img@/);
    // All of it was dropped when it was complete and not what its digest says.
    expect(least).toBeLessThan(had);
    expect((await done('hostler', 'image', 'verify', 'img')).exit).toBe(0);
    expect(readdirSync(join(keeper.home, 'store/partial'))).toEqual([]);
  }, 120_000);

  it('genimage stays with who built it before; elsewhere it says whose tree has the edits', async () => {
    expect((await done('genimage', 'img')).stdout).toContain('rootimg is up to date');
    const near = await done('genimage', '--on', 'near', 'img');
    expect(near.stderr).toContain('img was built on far before, where its tree stays');
    expect(existsSync(at('images/img/rootimg/etc/os-release'))).toBe(true);
    expect((await done('packimage', '--on', 'far', 'img')).stdout).toMatch(/The image is img@/);
    expect(readFileSync(at('far-images/img/rootimg/etc/os-release'), 'utf8')).toContain('rocky9.4');
  }, 120_000);

  it('files of synclists are those of the management node', async () => {
    writeFileSync(at('lists/banner'), 'of the management node\n');
    writeFileSync(at('lists/key'), 'for the node alone\n', { mode: 0o600 });
    // The machine that packs has another file of that name.
    writeFileSync(at('empty/banner'), 'of the packing machine\n');
    writeFileSync(
      at('lists/sync'),
      `${at('lists/banner')} -> /etc/banner\n${at('lists/key')} -> /etc/site/key\n${at('lists')}/ban* -> /etc/many/\n`,
    );
    await done('chdef', '-t', 'osimage', 'img', `synclists=${at('lists/sync')}`);
    const packed = await done('packimage', '--on', 'far', 'img');
    expect(packed.stdout).toMatch(/The image is img@/);
    const version = JSON.parse((await done('hostler', 'image', 'show', 'img', '--json')).stdout) as Record<
      string,
      string
    >;
    const store = new BlobStore(keeper.home);
    const cat = async (path: string): Promise<string> =>
      (await program('unsquashfs', ['-cat', store.path(version['image.root'] ?? ''), path])).stdout;
    expect(await cat('etc/banner')).toBe('of the management node\n');
    expect(await cat('etc/many/banner')).toBe('of the management node\n');
    const files = readFileSync(store.path(version['image.files'] ?? ''), 'utf8');
    expect(files).toContain(Buffer.from('for the node alone\n').toString('base64'));
    expect(files).toContain('"/etc/site/key"');
    // Secret files do not stay on the machine that packed.
    await eventually(
      'they are gone there',
      async () => {
        // As they are, and as they lie in lists that are sent.
        const coded = Buffer.from('for the node alone\n').toString('base64').replace(/=+$/, '');
        const words = ['-e', 'for the node alone', '-e', coded];
        const left = await program('grep', ['-rl', ...words, at('far')], { allowExit: 'any' });
        return left.stdout === '';
      },
      { timeoutMs: 30_000 },
    );
  }, 120_000);
});
