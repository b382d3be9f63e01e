import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { archWord } from '../../../../../agent/facts/system.ts';
import { installMounts } from '../../../../../agent/tasks/image-build/apt/install.ts';
import {
  fillNative,
  nativeFolder,
  nativePath,
  nativePlace,
} from '../../../../../agent/tasks/image-build/native-tools.ts';
import { run } from '../../../../../shared/process/run.ts';
import { which } from '../../../../../shared/process/which.ts';

const dir = mkdtempSync(join(tmpdir(), 'hostler-native-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const foreign = archWord() === 's390x' ? 'aarch64' : 's390x';

describe('tools for a tree of another architecture', () => {
  it('are for that alone', () => {
    expect(nativeFolder(archWord(), dir)).toBeUndefined();
    expect(nativeFolder(foreign, dir)).toBe(join(dir, 'native'));
    expect(installMounts('/apt', undefined).binds).toEqual([['/apt/archives', 'var/cache/apt/archives']]);
    expect(installMounts('/apt', '/n').binds).toContainEqual(['/n', nativePlace]);
    expect(nativePath.split(':')[0]).toBe(`/${nativePlace}/bin`);
  });

  it.skipIf(which('busybox') === undefined || which('ldd') === undefined)(
    'bring all that they need, and are started by what needs nothing (needs busybox and ldd)',
    async () => {
      const folder = nativeFolder(foreign, dir) ?? '';
      await fillNative(folder);
      // A busybox that is not static starts nothing in a foreign tree: all is emulated then.
      if (!existsSync(join(folder, 'bin'))) return;
      const text = readFileSync(join(folder, 'bin/tar'), 'utf8');
      expect(text.split('\n')[0]).toBe(`#!/${nativePlace}/busybox sh`);
      expect(statSync(join(folder, 'bin/tar')).mode & 0o777).toBe(0o755);
      const words = /^exec (.*) "\$@"$/m.exec(text)?.[1]?.replaceAll(`/${nativePlace}`, folder).split(' ') ?? [];
      const [program = '', ...args] = words;
      expect((await run(program, [...args, '--version'], { inheritEnv: false })).stdout).toContain('tar');
      for (const emulated of ['sh', 'dash', 'dpkg', 'uname', 'perl', 'ldconfig']) {
        expect(existsSync(join(folder, 'bin', emulated)), emulated).toBe(false);
      }
    },
  );
});
