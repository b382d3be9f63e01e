import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/* Functions of the installer's script that are no more than text, run by a shell with what they call put in place. */

const script = join(import.meta.dirname, '../../../../../agent/tasks/clone/installer/clone.sh');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-installer-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function called(stubs: string, call: string): string {
  const text = readFileSync(script, 'utf8')
    .replace(/^\. \/clone\/plan\.sh$/m, '')
    .replaceAll('/clone/', `${folder}/`);
  return execFileSync('bash', ['-c', `${text}\n${stubs}\n${call}`], { encoding: 'utf8' });
}

describe('files for the early system of a clone', () => {
  it('are an archive of their own behind what is there, at a multiple of four bytes', () => {
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, 'golden');
    const text = `RESUME=UUID='1' \\x2d\n`;
    const quoted = `'${text.replaceAll("'", `'\\''`)}'`;
    called('step() { :; }', `target=${folder}; early_file conf/conf.d/resume ${quoted}; early_done /initrd`);
    const whole = readFileSync(initrd);
    expect(whole.toString('latin1', 0, 13)).toBe('golden\0\x0007070');
    const out = join(folder, 'out');
    mkdirSync(out);
    execFileSync('cpio', ['--extract', '--quiet', '--make-directories'], { cwd: out, input: whole.subarray(8) });
    expect(readFileSync(join(out, 'conf/conf.d/resume'), 'utf8')).toBe(text);
  });
});

describe('the RAID table of a clone', () => {
  it('has the RAIDs of this machine, and what else the golden client had in it', () => {
    const table = join(folder, 'golden');
    writeFileSync(
      table,
      `# whom to tell\nMAILADDR root\nARRAY /dev/md/0 metadata=1.2\n   UUID=0badcafe:1:2:3\n\nHOMEHOST <system>\narray /dev/md1 UUID=1:2:3:4\n`,
    );
    const stubs = `in_target() { cat ${table}; }
mdadm() { echo 'ARRAY /dev/md/0 metadata=1.2 name=any:0 UUID=feed:1:2:3'; }
put() { printf '%s' "$3"; }`;
    expect(called(stubs, 'raid_table /etc/mdadm/mdadm.conf').split('\n')).toEqual([
      '# whom to tell',
      'MAILADDR root',
      'HOMEHOST <system>',
      'ARRAY /dev/md/0 metadata=1.2 UUID=feed:1:2:3',
      '',
    ]);
  });
});
