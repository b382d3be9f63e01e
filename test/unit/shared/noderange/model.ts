import fc from 'fast-check';
import type { Lookup } from '../../../../shared/noderange/lookup.ts';

/** A small cluster: nodes by name with their groups. */
export type Cluster = Readonly<Record<string, readonly string[]>>;

export const cluster: Cluster = {
  f1n1: ['all', 'frames'],
  f1n2: ['all', 'frames'],
  f2n1: ['all', 'frames'],
  f2n2: ['all', 'frames'],
  login1: ['all', 'login', 'svc'],
  login2: ['all', 'login'],
  'node-foo-1': ['all', 'foo'],
  'node-foo-2': ['all', 'foo'],
  node01: ['all', 'rack1'],
  node02: ['all', 'rack1'],
  node03: ['all', 'rack1', 'svc'],
  node04: ['all', 'rack2'],
  node05: ['all', 'rack2', 'svc'],
  node1: ['all', 'short'],
  node2: ['all', 'short'],
  node10: ['all', 'short'],
};

export function modelLookup(nodes: Cluster = cluster, files: Readonly<Record<string, string>> = {}): Lookup {
  const names = Object.keys(nodes).sort();
  const inGroup = (group: string): string[] => names.filter((name) => nodes[name]?.includes(group) === true);
  return {
    isNode: (name) => nodes[name] !== undefined,
    nodes: () => names,
    members: (group) => (group === 'empty' ? [] : inGroup(group).length > 0 ? inGroup(group) : undefined),
    fitting: ({ column, operator, value }) =>
      names.filter((name) => {
        if (column !== 'groups') return false;
        const holds = operator.endsWith('~')
          ? new RegExp(value).test((nodes[name] ?? []).join(','))
          : (nodes[name] ?? []).join(',') === value;
        return operator.startsWith('!') ? !holds : holds;
      }),
    file: (path) => files[path],
  };
}

/** A range and, said independently of any parser, what it stands for. */
export interface Meaning {
  readonly text: string;
  readonly nodes: ReadonlySet<string>;
}

const lookup = modelLookup();
const set = (names: readonly string[] = []): ReadonlySet<string> => new Set(names);

const atoms: fc.Arbitrary<Meaning> = fc.oneof(
  fc.constantFrom(...Object.keys(cluster)).map((name) => ({ text: name, nodes: set([name]) })),
  fc
    .constantFrom('all', 'rack1', 'rack2', 'svc', 'login', 'frames', 'short', 'empty')
    .map((group) => ({ text: group, nodes: set(lookup.members(group)) })),
  fc
    .constantFrom('-', ':')
    .map((sign) => ({ text: `node02${sign}node04`, nodes: set(['node02', 'node03', 'node04']) })),
  fc.constant({ text: 'node[01,03-05]', nodes: set(['node01', 'node03', 'node04', 'node05']) }),
  fc.constant({ text: 'f[1-2]n[1,2]', nodes: set(['f1n1', 'f1n2', 'f2n1', 'f2n2']) }),
  fc.constant({
    text: 'rack[1-2]',
    nodes: set([...(lookup.members('rack1') ?? []), ...(lookup.members('rack2') ?? [])]),
  }),
  fc.constant({ text: 'node02+2', nodes: set(['node02', 'node03', 'node04']) }),
  fc.constant({ text: '/node0.', nodes: set(['node01', 'node02', 'node03', 'node04', 'node05']) }),
  fc.constant({ text: 'groups=~svc', nodes: set(lookup.members('svc')) }),
  fc.constant({ text: '01-03', nodes: set(['node01', 'node02', 'node03']) }),
);

/** Ranges of every shape with their meaning by plain set operations. */
export const ranges: fc.Arbitrary<Meaning> = fc.letrec<{
  range: Meaning;
  list: Meaning;
  atom: Meaning;
  chain: Meaning;
}>((tie) => ({
  atom: fc.oneof(
    { weight: 4, arbitrary: atoms },
    { weight: 1, arbitrary: tie('range').map(({ text, nodes }) => ({ text: `(${text})`, nodes })) },
  ),
  chain: fc.array(tie('atom'), { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join('@'),
    nodes: parts
      .map(({ nodes }) => nodes)
      .reduce((left, right) => new Set([...left].filter((name) => right.has(name)))),
  })),
  list: fc
    .array(fc.tuple(fc.constantFrom('', '', '-', '@'), tie('chain')), { minLength: 2, maxLength: 4 })
    .map((parts) => {
      let found = new Set<string>();
      const dropped = new Set<string>();
      for (const [sign, { nodes }] of parts) {
        if (sign === '@') found = new Set([...found].filter((name) => nodes.has(name)));
        else for (const name of nodes) (sign === '-' ? dropped : found).add(name);
      }
      return {
        text: parts.map(([sign, { text }]) => sign + text).join(','),
        nodes: new Set([...found].filter((name) => !dropped.has(name))),
      };
    }),
  range: fc.oneof({ maxDepth: 3 }, tie('chain'), tie('list')),
})).range;
