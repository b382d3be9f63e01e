import { describe, expect, it } from 'vitest';
import { findCommand } from '../../../../cli/commands/index.ts';
import { offersFor } from '../../../../cli/hostler/offers.ts';

/** What is offered for the last word; the kind is what the command's definition says of operands, or `option`'s. */
function offers(line: string, option?: string): ReturnType<typeof offersFor> {
  const [command = '', ...words] = line.split(' ');
  const definition = findCommand(command);
  const named = definition?.options.find(({ short }) => short === option);
  const kind = (option === undefined ? definition?.complete : named?.complete) ?? '';
  if (typeof kind !== 'string') throw new Error('a list of words needs nobody');
  return offersFor(definition, kind, words.at(-1) ?? '', words.slice(0, -1));
}

describe('what completion offers', () => {
  it('nodes and groups where a node range may stand, the list before the last comma kept', () => {
    expect(offers('nodels n')).toEqual({ names: ['node', 'group'], words: [], lead: '' });
    expect(offers('makehosts n1,n')).toMatchObject({ lead: 'n1,' });
    expect(offers('rmdef all,-n')).toMatchObject({ names: ['node', 'group'], lead: 'all,-' });
  });

  it('objects and attributes of the type that -t names', () => {
    expect(offers('lsdef -t osimage i')).toMatchObject({ names: ['osimage'], words: [] });
    expect(offers('lsdef -tnetwork -o n', 'o').names).toEqual(['network']);
    expect(offers('lsdef -t group,node g').names).toEqual(['group']);
    expect(offers('lsdef -t osimage -i pkg', 'i').words).toContain('pkglist');
    expect(offers('lsdef -i groups,ar', 'i')).toMatchObject({ lead: 'groups,', names: [] });
    expect(offers('lsdef -w ar', 'w').words).toContain('arch=');
  });

  it('attributes to set, beside names where there may be names', () => {
    expect(offers('chdef n1 ar')).toMatchObject({ names: ['node', 'group'] });
    expect(offers('chdef n1 ar').words).toContain('arch=');
    expect(offers('chdef -t network n').words).toContain('net=');
    expect(offers('mkdef -t route -o r1 ne')).toMatchObject({ names: [] });
    expect(offers('mkdef -t route -o r1 ne').words).toContain('net=');
  });

  it('tables and their columns', () => {
    expect(offers('tabdump no').words).toContain('nodelist');
    expect(offers('nodels n1 no').words).toEqual(expect.arrayContaining(['groups', 'noderes.', 'nodehm.']));
    expect(offers('nodels -b n1 nodehm.m').words).toContain('nodehm.mgt');
    expect(offers('nodech n1 nosuch.').words).toEqual([]);
    expect(offers('gettab no').words).toContain('node=');
    expect(offers('chtab node = n1 nodehm.m').words).toContain('nodehm.mgt');
    expect(offers('nodeadd n')).toEqual({ names: [], words: [], lead: '' });
    expect(offers('nodeadd n1 g').words).toContain('groups');
  });

  it('an unknown type offers nothing that is not there', () => {
    expect(offers('lsdef -t nosuch -i a', 'i')).toMatchObject({ names: [], words: [] });
  });
});
