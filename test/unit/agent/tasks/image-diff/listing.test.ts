import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differences } from '../../../../../agent/tasks/image-diff/kind.ts';
import { listImage, ListingReader } from '../../../../../agent/tasks/image-diff/listing.ts';
import { run } from '../../../../../shared/process/run.ts';
import { which } from '../../../../../shared/process/which.ts';

const mark = '#\n# START OF DATA - DO NOT MODIFY\n#\n';
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('ListingReader', () => {
  it('reads names, links and contents, in whatever pieces they come', () => {
    const files = ['one', '', 'three', '# START OF DATA - DO NOT MODIFY\n#\n'];
    let offset = 0;
    const lines = files.map((text, index) => {
      offset += text.length;
      return `dir/a\\ ${index} R 17 644 0 0 ${text.length} ${offset - text.length} 0\n`;
    });
    const head = `/ D 1 755 0 0\ndir D 1 755 1 2\nlink S 1 777 0 0 ../to there\nhard L dir/a\\ 0\ndev C 1 600 0 0 5 1\n`;
    const whole = Buffer.from(`${head}${lines.join('')}${mark}${files.join('')}`);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: whole.length }), { maxLength: 6 }), (cuts) => {
        const reader = new ListingReader();
        const places = [0, ...[...new Set(cuts)].sort((a, b) => a - b), whole.length];
        for (const [index, at] of places.entries()) reader.take(whole.subarray(at, places[index + 1] ?? whole.length));
        const found = reader.end();
        expect([...found.keys()].sort()).toEqual(
          ['.', './dev', './dir', './dir/a 0', './dir/a 1', './dir/a 2', './dir/a 3', './hard', './link'].sort(),
        );
        for (const [index, text] of files.entries())
          expect(found.get(`./dir/a ${index}`)).toMatchObject({ kind: 'f', bytes: text.length, content: sha(text) });
        expect(found.get('./hard')).toEqual(found.get('./dir/a 0'));
        expect(found.get('./link')).toMatchObject({ kind: 'l', content: '../to there' });
        expect(found.get('./dir')).toMatchObject({ kind: 'd', owner: '1:2', mode: '755' });
      }),
      { numRuns: 50 },
    );
  });

  it('does not take a part for the whole', () => {
    const reader = new ListingReader();
    reader.take(Buffer.from(`a R 1 644 0 0 5 0 0\n${mark}abc`));
    expect(() => reader.end()).toThrow('ends in the middle of a file');
  });
});

describe('differences', () => {
  it('is empty exactly for what is equal', () => {
    const maps = fc.dictionary(fc.string({ minLength: 1 }), fc.integer()).map((one) => new Map(Object.entries(one)));
    fc.assert(
      fc.property(maps, maps, (a, b) => {
        expect(differences(a, a, String)).toEqual([]);
        const there = differences(a, b, String).map((line) => line.slice(0, 1));
        const back = differences(b, a, String).map((line) => line.slice(0, 1));
        expect(back).toEqual(there.map((sign) => (sign === '+' ? '-' : sign === '-' ? '+' : '~')));
      }),
    );
  });
});

describe('listImage', () => {
  const compressors = ['gzip', 'xz', 'zstd', 'lz4'].filter((program) => which(program) !== undefined);
  it.each(compressors.flatMap((program) => [['tar', program] as const, ['cpio', program] as const]))(
    'reads a %s archive that %s has packed',
    async (method, program) => {
      const folder = mkdtempSync(join(tmpdir(), 'listing-'));
      try {
        mkdirSync(join(folder, 'tree'));
        writeFileSync(join(folder, 'tree/a'), 'content');
        const pack = method === 'tar' ? 'tar -c .' : 'echo ./a | cpio -o -H newc --quiet';
        const line = `${pack} | "$1" -c >../packed`;
        await run('sh', ['-c', line, 'sh', program], { cwd: join(folder, 'tree') });
        const { signal } = new AbortController();
        const found = await listImage(join(folder, 'packed'), method, join(folder, 'work'), signal);
        expect(found.get('./a')).toMatchObject({ kind: 'f', bytes: 7, content: sha('content') });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
