import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvHeader, csvLine, readCsv } from '../../../../shared/csv/index.ts';

describe('csv', () => {
  test('writes set values in quotes, unset ones bare, quotes doubled', () => {
    expect(csvHeader(['node', 'groups'])).toBe('#node,groups');
    expect(csvLine(['n1', undefined, 'a "b" c', ''])).toBe('"n1",,"a ""b"" c",');
  });

  test('reads bare, quoted and missing fields, comments and values over several lines', () => {
    const table = readCsv('#node,groups,comments\n"n1","a,b","x\ny"\n# a comment\n\nn2,,z\n"n3"\n');
    expect(table.columns).toEqual(['node', 'groups', 'comments']);
    expect(table.records).toEqual([
      { line: 2, values: { node: 'n1', groups: 'a,b', comments: 'x\ny' } },
      { line: 6, values: { node: 'n2', comments: 'z' } },
      { line: 7, values: { node: 'n3' } },
    ]);
  });

  test.each([
    ['"n1"\n', 'Data missing header line starting with #'],
    ['', 'Data missing header line starting with #'],
    ['#a,b\nx"y",z\n', 'CSV missing opening " for record with " characters on line 2'],
    ['#a,b\n"x"\n"y\n', 'CSV unmatched " in record on line 3'],
    ['#a,b\n"x"y,z\n', 'CSV unescaped " in record on line 2'],
    ['#a,b\n1,2,3\n', 'Too many fields on line 2: 1,2,3'],
    ['#a,b\r\n1,2\r\n1,2,3\r\n', 'Too many fields on line 3'],
  ])('refuses %j and names the line', (text, message) => {
    expect(() => readCsv(text)).toThrow(message);
  });

  test('one quote too many in a long file is refused once, not searched for again and again', () => {
    const text = `#a\n"x\n${'"y"\n'.repeat(100_000)}`;
    expect(() => readCsv(text)).toThrow('on line 2');
  });

  test('what was written is read again', () => {
    const value = fc.option(
      fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', '#', "'", 'é'), minLength: 1, maxLength: 6 }),
    );
    const columns = ['a', 'b', 'c'];
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value), { maxLength: 5 }), (rows) => {
        // A row without any value is an empty line of commas: nothing to compare.
        const written = rows.filter((row) => row.some((field) => field !== null));
        const lines = written.map((row) => csvLine(row.map((field) => field ?? undefined)));
        const read = readCsv([csvHeader(columns), ...lines, ''].join('\n'));
        const expected = written.map((row): Record<string, string> => {
          const values: Record<string, string> = {};
          for (const [index, field] of row.entries()) if (field !== null) values[columns[index] ?? ''] = field;
          return values;
        });
        expect(read.records.map(({ values }) => values)).toEqual(expected);
      }),
    );
  });
});
