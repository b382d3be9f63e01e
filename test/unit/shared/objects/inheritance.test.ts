import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute, attributesOf, columnValue, ownAttributesOf } from '../../../../shared/objects/index.ts';
import { nodeType } from '../../../../shared/schema/index.ts';
import { MemoryView } from '../../support/view.ts';

const columns = [
  'nodehm.mgt',
  'nodehm.cons',
  'ipmi.bmc',
  'openbmc.bmc',
  'nodetype.os',
  'nodetype.nodetype',
  'ppchcp.username',
  'mp.id',
  'ppc.id',
];
const value = fc.constantFrom('', 'ipmi', 'openbmc', 'blade', 'ppc,osi', 'hmc', 'x');
const row = fc.dictionary(fc.constantFrom(...columns), value, { maxKeys: 6 });
const groups = ['g1', 'g2', 'g3'];
const cluster = fc.record({
  own: row,
  order: fc.shuffledSubarray(groups),
  given: fc.record({ g1: row, g2: row, g3: row }),
  reported: fc.dictionary(fc.constantFrom('nodelist.status', 'nodetype.os'), fc.constantFrom('booted', 'debian12'), {
    maxKeys: 2,
  }),
});

function viewOf({ own, order, given, reported }: typeof cluster extends fc.Arbitrary<infer T> ? T : never): MemoryView {
  const view = new MemoryView({ node: { n1: { 'nodelist.groups': order.join(','), ...own } }, group: given });
  view.observe('node', 'n1', reported);
  return view;
}

describe('inheritance', () => {
  it('takes reported, then own, then the first group in the order of the node', () => {
    fc.assert(
      fc.property(cluster, (made) => {
        const view = viewOf(made);
        for (const column of columns) {
          const places = [
            made.reported[column],
            made.own[column],
            ...made.order.map((group) => made.given[group as 'g1'][column]),
          ];
          expect(columnValue(view, 'n1', column)?.value).toBe(places.find((each) => each !== undefined && each !== ''));
        }
      }),
    );
  });

  it('gives one attribute the value that it has among all attributes', () => {
    fc.assert(
      fc.property(cluster, (made) => {
        const view = viewOf(made);
        const all = attributesOf(view, 'node', 'n1');
        for (const name of nodeType.byName.keys()) {
          if (name !== 'node') expect(attribute(view, 'node', 'n1', name), name).toEqual(all.get(name));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('shows a conditional attribute only while its condition holds', () => {
    fc.assert(
      fc.property(cluster, (made) => {
        const all = attributesOf(viewOf(made), 'node', 'n1');
        const mgt = all.get('mgt')?.value.split(',') ?? [];
        if (!mgt.includes('ipmi') && !mgt.includes('openbmc')) expect(all.has('bmc')).toBe(false);
        if (all.get('bmc')?.column === 'openbmc.bmc') expect(mgt).toContain('openbmc');
      }),
    );
  });

  it('says which group a value comes from', () => {
    const view = new MemoryView({
      node: { n1: { 'nodelist.groups': 'a,b' } },
      group: { a: { 'nodetype.os': 'x' }, b: { 'nodetype.os': 'y', 'nodetype.arch': '|\\D+(\\d+)|a($1)|' } },
    });
    expect(attribute(view, 'node', 'n1', 'os')).toEqual({ value: 'x', column: 'nodetype.os', group: 'a' });
    expect(attribute(view, 'node', 'n1', 'arch')).toEqual({ value: 'a1', column: 'nodetype.arch', group: 'b' });
    expect(ownAttributesOf(view, 'node', 'n1').has('os')).toBe(false);
  });

  it('stops at an empty pattern and passes over cleared values and disabled rows', () => {
    const group = {
      g: {
        'nodehm.mgt': 'ipmi',
        'nodehm.cons': 'ipmi',
        'nodetype.os': 'x',
        'nodepos.rack': 'r',
        'nodepos.disable': 'yes',
      },
    };
    const own = {
      'nodelist.groups': 'g',
      'nodehm.mgt': '|^.*$||',
      'nodehm.cons': '',
      'nodetype.os': 'y',
      'nodetype.disable': '1',
    };
    const view = new MemoryView({ node: { n1: own }, group });
    const all = attributesOf(view, 'node', 'n1');
    expect(all.has('mgt')).toBe(false);
    expect(all.get('cons')?.value).toBe('ipmi');
    expect(all.get('os')?.value).toBe('x');
    expect(all.has('rack')).toBe(false);
  });

  it('accumulates what site.hierarchicalattrs names, and what asks for the next record', () => {
    const view = new MemoryView({
      site: { clustersite: { 'site.hierarchicalattrs': 'postscripts,pkglist:;' } },
      node: {
        n1: {
          'nodelist.groups': 'a,b',
          'postscripts.postscripts': 'own,x',
          'noderes.nameservers': '1.1.1.1+=NEXTRECORD',
        },
      },
      group: {
        a: { 'postscripts.postscripts': 'x,fromA', 'noderes.nameservers': '2.2.2.2+=NEXTRECORD' },
        b: { 'postscripts.postscripts': 'fromB', 'noderes.nameservers': '3.3.3.3' },
      },
    });
    expect(attribute(view, 'node', 'n1', 'postscripts')?.value).toBe('own,x,fromA,fromB');
    expect(attribute(view, 'node', 'n1', 'nameservers')?.value).toBe('1.1.1.1,2.2.2.2,3.3.3.3');
    expect(attributesOf(view, 'node', 'n1').get('postscripts')?.value).toBe('own,x,fromA,fromB');
  });

  it('keeps what is never inherited with the node', () => {
    const view = new MemoryView({
      node: { n1: { 'nodelist.groups': 'g', 'nodehm.mgt': 'fsp' } },
      group: { g: { 'nodelist.comments': 'x', 'ppcdirect.password.HMC': 's' } },
    });
    const all = attributesOf(view, 'node', 'n1');
    expect([...all.keys()]).toEqual(['groups', 'mgt']);
  });

  it('sees a later revision', () => {
    const view = new MemoryView({ node: { n1: { 'nodelist.groups': 'g' } }, group: { g: { 'nodehm.mgt': 'a' } } });
    expect(attributesOf(view, 'node', 'n1').get('mgt')?.value).toBe('a');
    view.commit([{ type: 'group', name: 'g', values: { 'nodehm.mgt': 'b' } }]);
    expect(attributesOf(view, 'node', 'n1').get('mgt')?.value).toBe('b');
  });
});
