import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStanzas, stanzaHeader, StanzaReader, writeStanza } from '../../../../shared/stanza/index.ts';

function objects(text: string): Record<string, unknown> {
  return Object.fromEntries(
    parseStanzas(text).stanzas.map(({ name, objtype, attributes }) => [
      name,
      { objtype, ...Object.fromEntries(attributes) },
    ]),
  );
}

describe('parseStanzas', () => {
  it('reads names, attributes, quotes, comments', () => {
    const text = '# comment\nn1:\n\tobjtype = node\n groups="all , x"\n\nfd59::/64:\n  objtype=network\n';
    expect(objects(text)).toEqual({ n1: { objtype: 'node', groups: 'all , x' }, 'fd59::/64': { objtype: 'network' } });
  });

  it('gives defaults where objtype stands; later lines and later defaults override', () => {
    const text =
      'default-node:\n groups=all\n mgt=ipmi\na:\n groups=lost\n objtype=node\nb:\n objtype=node\n mgt=hmc\ndefault-node:\n mgt=\nc:\n objtype=node\n';
    expect(objects(text)).toEqual({
      a: { objtype: 'node', groups: 'all', mgt: 'ipmi' },
      b: { objtype: 'node', groups: 'all', mgt: 'hmc' },
      c: { objtype: 'node', groups: 'all', mgt: '' },
    });
  });

  it('makes one object of stanzas with one name, and keeps every header', () => {
    const file = parseStanzas('a:\n objtype=node\n x=1\na:\n y=2\n');
    expect(file.headers).toEqual(['a', 'a']);
    expect(file.stanzas).toHaveLength(1);
    expect([...(file.stanzas[0]?.attributes ?? [])]).toEqual([
      ['x', '1'],
      ['y', '2'],
    ]);
  });

  it('loses the rest of a stanza after a line that is nothing, and says which', () => {
    const file = parseStanzas('a:\n objtype=node\nwhat is this\n x=1\nb:\n objtype=node\n y=2\n');
    expect(file.ignored).toEqual([
      { line: 3, text: 'what is this' },
      { line: 4, text: 'x=1' },
    ]);
    expect(file.stanzas.map(({ name, attributes }) => [name, attributes.size])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
  });

  it('takes a value that ends with a colon for a value', () => {
    expect(objects('a:\n objtype=node\n kcmdline=console=ttyS0:\n')).toEqual({
      a: { objtype: 'node', kcmdline: 'console=ttyS0:' },
    });
  });

  it('refuses a line without end, and says which', () => {
    const reader = new StanzaReader();
    reader.push('a:\n objtype=node\n x=');
    expect(() => {
      for (let n = 0; n < 20; n += 1) reader.push('y'.repeat(100_000));
    }).toThrow(/Line 3 of the stanza file is longer/);
  });

  it('refuses an object without end, and says which', () => {
    const reader = new StanzaReader();
    reader.push('a:\n objtype=node\n');
    expect(() => {
      for (let n = 0; n < 50; n += 1) reader.push(` x${n}=${'y'.repeat(100_000)}\n`);
    }).toThrow(/The object 'a' in line 1 of the stanza file has more than/);
  });

  it('refuses a file without end', () => {
    const reader = new StanzaReader();
    const comment = `#${' '.repeat(900_000)}x\n`;
    expect(() => {
      for (let n = 0; n < 300; n += 1) reader.push(comment);
    }).toThrow(/The stanza file is longer than 250000000 characters/);
  });
});

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const value = fc.stringMatching(/^[!#-~]([ -~]{0,20}[!#-~])?$/);
const attributes = fc.dictionary(
  name.filter((text) => text !== 'objtype'),
  value,
  { maxKeys: 5, noNullPrototype: true },
);
const file = fc.dictionary(
  name.filter((text) => !text.startsWith('default-')),
  attributes,
  { maxKeys: 6, noNullPrototype: true },
);

describe('stanza round trip', () => {
  const write = (made: Record<string, Record<string, string>>): string =>
    stanzaHeader +
    Object.entries(made)
      .map(([object, values]) => writeStanza(object, 'node', Object.entries(values)))
      .join('');

  it('reads what was written', () => {
    fc.assert(
      fc.property(file, (made) => {
        expect(objects(write(made))).toEqual(
          Object.fromEntries(Object.entries(made).map(([object, values]) => [object, { objtype: 'node', ...values }])),
        );
      }),
    );
  });

  it('reads the same in pieces of any size', () => {
    fc.assert(
      fc.property(file, fc.integer({ min: 1, max: 40 }), (made, size) => {
        const text = write(made);
        const reader = new StanzaReader();
        for (let at = 0; at < text.length; at += size) reader.push(text.slice(at, at + size));
        expect(reader.finish()).toEqual(parseStanzas(text));
      }),
    );
  });
});
