import { describe, expect, test } from 'vitest';
import { dumpxCATdb } from '../../../../manager/verbs/dumpxcatdb.ts';
import { importDefinitions } from '../../../../manager/verbs/import.ts';
import { attribute } from '../../../../shared/objects/index.ts';
import { isSecret } from '../../../../shared/schema/index.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

type Files = Readonly<Record<string, string>>;

function take(view: MemoryView, files: Files, options: Readonly<Record<string, readonly string[]>> = {}) {
  const { effects } = importDefinitions.start(asked('import', { operands: ['xcat'], files, options }), view);
  view.apply(effects);
  const said = (error: boolean): string =>
    effects.flatMap((one) => (one.do === 'say' && (one.error ?? false) === error ? [one.text] : [])).join('');
  const done = effects.find((effect) => effect.do === 'done');
  const commits = effects.filter((effect) => effect.do === 'commit').length;
  return { out: said(false), err: said(true), exit: done?.exit, commits };
}

function dump(view: MemoryView): Files {
  const { effects } = dumpxCATdb.start(asked('dumpxCATdb'), view);
  const pieces = effects.flatMap((effect) =>
    effect.do === 'data' ? [effect.value as { table: string; text: string }] : [],
  );
  return Object.fromEntries(pieces.map(({ table, text }) => [`${table}.csv`, text]));
}

describe('import of tables', () => {
  test('ten thousand nodes go in, out, in and out again as the same bytes, kept things included', () => {
    const nodes = Array.from({ length: 10_000 }, (_, at) => `n${at}`);
    const rows = (make: (node: string, at: number) => string): string => nodes.map(make).join('\n');
    const files = {
      'nodelist.csv': `#node,groups,status,colour\n${rows((n, at) => `"${n}","all,rack${at % 50}",,"c${at % 7}"`)}\n`,
      'hosts.csv': `#node,ip\n"all","|n(\\d+)|10.0.($1/256).($1%256)|"\n`,
      'mac.csv': `#node,interface,mac\n${rows((n, at) => `"${n}",,"52:54:00:00:${(at >> 8).toString(16)}:${(at & 255).toString(16)}"`)}\n`,
      'nodehm.csv': `#node,power,mgt,comments\n${rows((n) => `"${n}",,"ipmi","says ""hello"""`)}\n`,
      'ourown.csv': `#rack,height\n"r1","42"\n"r2",\n`,
      'site.csv': '#key,value,comments,disable\n"domain","x.test",,\n"zeta","1","why",\n',
      'passwd.csv': '#key,username,password\n"system","root","secret"\n',
    };
    const first = new MemoryView();
    const { exit, commits, out } = take(first, files);
    expect([exit, commits]).toEqual([0, 1]);
    expect(out).toContain('New:\n    1 group\n');
    expect(out).toContain('    10000 nodes\n');
    expect(out).toContain('kept as it is');
    expect(out).toContain('    the column nodelist.colour\n    the table ourown (2 rows)\n');
    const out1 = dump(first);
    expect(out1['ourown.csv']).toBe(files['ourown.csv']);
    expect(out1['nodelist.csv']).toContain('"n7","all,rack7",,,,,,,,,,,,"c0"\n');
    const second = new MemoryView();
    expect(take(second, out1).exit).toBe(0);
    expect(dump(second)).toEqual(out1);
    expect(attribute(second, 'node', 'n300', 'ip')?.value).toBe('10.0.1.44');
  }, 60_000);

  test('rows that are not in the files stay, unless the tables are replaced', () => {
    const view = new MemoryView({ node: { old: { 'nodelist.groups': 'all' } } });
    const files = { 'nodelist.csv': '#node,groups\n"new","all"\n' };
    take(view, files);
    expect([...view.rows('node')].map(([name]) => name)).toEqual(['old', 'new']);
    take(view, files, { replace: [''] });
    expect([...view.rows('node')].map(([name]) => name)).toEqual(['new']);
  });

  test('looking changes nothing', () => {
    const view = new MemoryView();
    const { commits, out } = take(view, { 'nodelist.csv': '#node,groups\n"a","all"\n' }, { look: [''] });
    expect(commits).toBe(0);
    expect(out).toBe('Read:\n    nodelist.csv: 1 row\nNew:\n    1 node\n');
  });

  test.each<[string, Files, RegExp]>([
    [
      'a broken line',
      { 'a.csv': '#x\n"1"\n', 'nodelist.csv': '#node,groups\n"n1,"all"\n' },
      /nodelist.csv: .*line 2.*Nothing was imported/,
    ],
    ['no header', { 'nodelist.csv': '"n1"\n' }, /Data missing header line/],
    ['a name that is none', { '../x.csv': '#a\n', '-x.csv': '#a\n"1"\n' }, /'-x' is no name of a table/],
    ['a column that is none', { 'foo.csv': '#a b\n"1"\n' }, /'a b' in line 1 is no name of a column/],
    ['no stanzas', { 'notes.txt': 'hello\n' }, /notes.txt is no stanza file/],
    ['nothing', {}, /no .csv and no stanza files/],
  ])('%s is refused whole', (_what, files, why) => {
    const { err, exit, commits } = take(new MemoryView(), files);
    expect([exit, commits]).toEqual([1, 0]);
    expect(err).toMatch(why);
  });

  test('what nobody understands counts as secret', () => {
    expect(isSecret('kept.colour')).toBe(true);
    expect(isSecret('hosts.ip')).toBe(false);
  });
});

describe('import of stanzas', () => {
  const stanzas = `# a comment
n1:
    objtype=node
    groups=all
    ip=10.0.0.1
    flavour=sweet
clustersite:
    objtype=site
    domain=new.test
thing1:
    objtype=gadget
    size=3
`;

  test('makes what is new, changes what is there, keeps the rest', () => {
    const view = new MemoryView({ site: { clustersite: { 'site.domain': 'old.test', 'site.master': '10.0.0.9' } } });
    const { out, err, exit } = take(view, { 'all.stanza': stanzas });
    expect([exit, err]).toEqual([0, '']);
    expect(out).toContain('New:\n    1 node\nChanged:\n    1 site\n');
    expect(out).toContain('    objects of type gadget\n    the attribute node.flavour\n');
    expect(view.row('node', 'n1')).toMatchObject({ 'hosts.ip': '10.0.0.1', 'nodelist.groups': 'all' });
    expect(view.row('site', 'clustersite')).toEqual({ 'site.domain': 'new.test', 'site.master': '10.0.0.9' });
    const kept = dump(view)['stanza.csv'];
    expect(kept).toBe('#type,name,attribute,value\n"gadget","thing1","size","3"\n"node","n1","flavour","sweet"\n');
    const again = take(view, { 'all.stanza': stanzas });
    expect(again.out).not.toContain('New:');
    expect(dump(view)['stanza.csv']).toBe(kept);
  });

  test('an object that mkdef refuses is told; the others come', () => {
    const view = new MemoryView();
    const { err, exit } = take(view, { f: 'n1:\n  objtype=node\n  groups=all\nn2:\n  objtype=node\n  ip=1.2.3.4\n' });
    expect(exit).toBe(1);
    expect(err).toContain("'groups' is not specified for node 'n2'");
    expect(view.has('node', 'n1')).toBe(true);
  });
});
