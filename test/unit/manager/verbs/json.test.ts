import { expect, it } from 'vitest';
import { verbs } from '../../../../manager/verbs/index.ts';
import type { Effect, Json } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const view = new MemoryView({
  node: {
    n1: { 'nodelist.groups': 'all', 'chain.currstate': 'boot', 'hosts.ip': '10.0.0.1', 'noderes.netboot': 'xnba' },
  },
  network: { net1: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.255.0' } },
});

function answer(verb: string, operands: string[], options: Record<string, string[]> = {}): Json[] {
  const asking = verbs.get(verb);
  if (asking === undefined) throw new Error(`there is no verb ${verb}`);
  const { effects } = asking.start(asked(verb, { operands, options, json: true }), view);
  const texts = effects.filter((effect): effect is Extract<Effect, { do: 'say' }> => effect.do === 'say');
  expect(texts.filter(({ error }) => error !== true)).toEqual([]);
  return effects.flatMap((effect) => (effect.do === 'data' ? [effect.value] : []));
}

// With --json a command that prints data prints JSON and no line of text beside it on standard output.
it.each<[verb: string, operands: string[], options: Record<string, string[]>]>([
  ['lsdef', ['n1'], {}],
  ['lsdef', [], { t: ['network'], l: [''] }],
  ['nodels', ['n1'], {}],
  ['nodels', ['n1', 'hosts.ip'], {}],
  ['nodestat', ['n1'], {}],
  ['nodeset', ['n1', 'stat'], {}],
  ['tabdump', [], {}],
  ['tabdump', ['hosts'], {}],
  ['tabdump', ['hosts'], { d: [''] }],
  ['tabgrep', ['n1'], {}],
  ['gettab', ['node=n1', 'hosts.ip'], {}],
])('%s %j %j', (verb, operands, options) => {
  const data = answer(verb, operands, options);
  expect(data.length).toBeGreaterThan(0);
  expect(JSON.stringify(data)).toMatch(/n1|net1|hosts|boot|10\.0\.0\.1/);
});
