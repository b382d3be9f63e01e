import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placesIn, checkedRootimgdir } from '../../../../../agent/tasks/image-tree/folder.ts';
import { inside, linkInside, removeInside, writeInside } from '../../../../../agent/tasks/image-tree/inside.ts';
import { kernelOf } from '../../../../../agent/tasks/image-tree/kernel.ts';
import { withFolderLock, withLock } from '../../../../../agent/tasks/image-tree/lock.ts';
import { parseDpkgStatus } from '../../../../../agent/tasks/image-tree/packages.ts';
import { sweepFolder, swapTree } from '../../../../../agent/tasks/image-tree/remove.ts';
import { enableUnit, installSection } from '../../../../../agent/tasks/image-tree/units.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'image-tree-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const at = (path: string): string => join(root, path);
const put = (path: string, text = ''): void => {
  mkdirSync(join(at(path), '..'), { recursive: true });
  writeFileSync(at(path), text);
};
const never = new AbortController().signal;

describe('inside', () => {
  it('follows links as the image would, and never out of it', async () => {
    mkdirSync(at('usr/lib'), { recursive: true });
    symlinkSync('usr/lib', at('lib'));
    symlinkSync('/usr/lib', at('abs'));
    symlinkSync('../../../../../../etc', at('usr/up'));
    expect(await inside(root, 'lib/x')).toBe(at('usr/lib/x'));
    expect(await inside(root, '/abs/x')).toBe(at('usr/lib/x'));
    expect(await inside(root, 'usr/up/shadow')).toBe(at('etc/shadow'));
    expect(await inside(root, '../../etc/shadow')).toBe(at('etc/shadow'));
    expect(await inside(root, 'lib', false)).toBe(at('lib'));
  });

  it('stops at a circle of links', async () => {
    symlinkSync('b', at('a'));
    symlinkSync('a', at('b'));
    await expect(inside(root, 'a/x')).rejects.toThrow('Too many symbolic links');
  });

  it('replaces a link, and does not write through it', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    writeFileSync(join(outside, 'f'), 'mine');
    symlinkSync(join(outside, 'f'), at('f'));
    symlinkSync(outside, at('d'));
    await writeInside(root, 'f', 'new');
    await writeInside(root, 'd/f', 'new');
    await removeInside(root, 'd/f');
    await linkInside(root, 'f', '/etc/passwd');
    expect(readFileSync(join(outside, 'f'), 'utf8')).toBe('mine');
    expect(readlinkSync(at('f'))).toBe('/etc/passwd');
    rmSync(outside, { recursive: true });
  });
});

describe('checkedRootimgdir', () => {
  it.each([
    'relative',
    '/a/../b',
    '/',
    '/etc',
    '/usr/local/x',
    '/var/lib',
    '/install',
    '/tmp/',
    '/tmp/a b',
    '/tmp/$(x)',
    '/proc/1',
    '/tmp/x\n',
  ])('refuses %j', async (path) => {
    await expect(checkedRootimgdir(path)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('refuses what a link leads into the system, and a file', async () => {
    symlinkSync('/etc', at('sneaky'));
    put('file');
    await expect(checkedRootimgdir(at('sneaky/x'))).rejects.toThrow('it leads to /etc/x');
    await expect(checkedRootimgdir(at('file'))).rejects.toThrow('it is not a folder');
  });

  it('takes what is to be made yet', async () => {
    expect(await checkedRootimgdir(`${root}/netboot/debian12/x86_64/compute/`)).toBe(
      `${root}/netboot/debian12/x86_64/compute`,
    );
  });
});

describe('the lock of a folder', () => {
  it('refuses the second in xCAT words, and is free afterwards', async () => {
    await withFolderLock(at('img'), never, async () => {
      const second = withFolderLock(at('img'), never, () => Promise.resolve('got in'));
      await expect(second).rejects.toMatchObject({
        code: 'aborted',
        message: `failed to acquire lock, seems there is another genimage/packimage/rmimage process ${process.pid} running on root image dir "${at('img')}"`,
      });
    });
    expect(await withFolderLock(at('img'), never, () => Promise.resolve('got in'))).toBe('got in');
  });

  it('is free after a failure too, and hands the failure on', async () => {
    await expect(withFolderLock(at('img'), never, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect(await withFolderLock(at('img'), never, () => Promise.resolve(1))).toBe(1);
  });

  it('lets others wait their turn', async () => {
    const order: string[] = [];
    let begun = (): void => {};
    const started = new Promise<void>((resolve) => (begun = resolve));
    let let_go = (): void => {};
    const held = new Promise<void>((resolve) => (let_go = resolve));
    const first = withLock(at('l'), 'wait', never, async () => {
      begun();
      await held;
      order.push('first');
    });
    await started;
    const second = withLock(at('l'), 'wait', never, () => {
      order.push('second');
      return Promise.resolve();
    });
    let_go();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });
});

describe('trees that change places', () => {
  it('swaps by rename, and an interrupted swap is put right', async () => {
    const { tree, building, old } = placesIn(root, 'j1.build');
    put('rootimg/old');
    put('rootimg.building-j1_build/new');
    expect(building).toBe(at('rootimg.building-j1_build'));
    expect(await swapTree(root, 'j1.build')).toBe(old);
    expect(existsSync(join(tree, 'new'))).toBe(true);
    // As a crash between the two renames leaves it.
    rmSync(tree, { recursive: true });
    put('rootimg.building-j2/half');
    put('rootimg.packing-j3/half');
    put('rootimg.sfs.new-77');
    await sweepFolder(root);
    expect(existsSync(join(tree, 'old'))).toBe(true);
    for (const name of ['rootimg.building-j2', 'rootimg.packing-j3', 'rootimg.sfs.new-77', old]) {
      expect(existsSync(name.startsWith('/') ? name : at(name))).toBe(false);
    }
  });

  it('names of tasks cannot climb', () => {
    expect(placesIn('/r', '../../etc/x').building).toBe('/r/rootimg.building-______etc_x');
  });
});

describe('kernelOf', () => {
  it('takes the newest with modules, or the one asked for', async () => {
    for (const version of ['6.1.0-9-amd64', '6.1.0-56-amd64', '6.12.0-1-amd64']) put(`boot/vmlinuz-${version}`);
    for (const version of ['6.1.0-9-amd64', '6.1.0-56-amd64']) put(`lib/modules/${version}/modules.dep`);
    expect((await kernelOf(root, 'vmlinuz', '')).version).toBe('6.1.0-56-amd64');
    expect((await kernelOf(root, 'vmlinuz', '6.1.0-9')).version).toBe('6.1.0-9-amd64');
    await expect(kernelOf(root, 'vmlinuz', '5')).rejects.toThrow(
      `couldn't find the kernel file matched 5 in ${at('boot')}`,
    );
  });
});

describe('units', () => {
  it('are enabled as systemctl does it', async () => {
    put(
      'usr/lib/systemd/system/a.service',
      '[Unit]\nWantedBy=no.target\n[Install]\nWantedBy=multi-user.target other.target\nAlias=alias.service\nAlso=a.socket\n',
    );
    put('usr/lib/systemd/system/a.socket', '[Install]\nWantedBy=sockets.target\nAlso=a.service\n');
    expect(await enableUnit(root, 'a.service')).toBe(true);
    for (const link of ['multi-user.target.wants/a.service', 'other.target.wants/a.service', 'alias.service']) {
      expect(readlinkSync(at(`etc/systemd/system/${link}`))).toBe('/usr/lib/systemd/system/a.service');
    }
    expect(readlinkSync(at('etc/systemd/system/sockets.target.wants/a.socket'))).toBe(
      '/usr/lib/systemd/system/a.socket',
    );
    expect(await enableUnit(root, 'nosuch.service')).toBe(false);
  });

  it('templates are left alone', () => {
    expect(installSection('[Install]\nWantedBy=x.target %i.target\n')).toEqual({ WantedBy: ['x.target'] });
  });
});

describe('parseDpkgStatus', () => {
  it('lists what is installed, in order', () => {
    const text =
      'Package: b\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\nPackage: c\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\nPackage: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1:1\nDescription: x\n Status: y\n';
    expect(parseDpkgStatus(text)).toEqual([
      { name: 'a', version: '1:1', arch: 'all' },
      { name: 'b', version: '2', arch: 'amd64' },
    ]);
  });
});
