import { describe, expect, it } from 'vitest';
import {
  groupMembers,
  groupNames,
  groupsOf,
  objectExists,
  objectNames,
  parseConditions,
} from '../../../../shared/objects/index.ts';
import { MemoryView } from '../../support/view.ts';

const view = new MemoryView({
  node: {
    n2: { 'nodelist.groups': 'all,,compute,all', 'nodehm.mgt': 'ipmi' },
    n10: { 'nodelist.groups': 'all', 'nodehm.mgt': 'hmc' },
    n1: { 'nodelist.groups': 'all,compute' },
  },
  group: {
    dyn: { 'nodegroup.grouptype': 'dynamic', 'nodegroup.wherevals': 'mgt==ipmi::groups=~compute' },
    broken: { 'nodegroup.grouptype': 'dynamic', 'nodegroup.wherevals': 'mgt=~[' },
    byname: { 'nodegroup.grouptype': 'dynamic', 'nodegroup.wherevals': 'node=~/^n1/' },
    empty: { 'nodegroup.grouptype': 'static' },
    xcatdefaults: { 'postscripts.postscripts': 'syslog' },
  },
});

describe('groups', () => {
  it('are those that are defined and those that nodes name', () => {
    expect(groupNames(view)).toEqual(['all', 'broken', 'byname', 'compute', 'dyn', 'empty']);
    expect(objectExists(view, 'group', 'compute')).toBe(true);
    expect(objectExists(view, 'group', 'xcatdefaults')).toBe(false);
  });

  it('have members in order, each once', () => {
    expect(groupMembers(view, 'all')).toEqual(['n1', 'n10', 'n2']);
    expect(groupMembers(view, 'empty')).toEqual([]);
    expect(groupsOf(view, 'n2')).toEqual(['all', 'compute', 'all']);
  });

  it('find the members of dynamic ones by all conditions, unset attributes never matching', () => {
    expect(groupMembers(view, 'dyn')).toEqual(['n2']);
    expect(groupMembers(view, 'byname')).toEqual(['n1', 'n10']);
    expect(groupMembers(view, 'broken')).toEqual([]);
  });

  it('look again when agents reported something', () => {
    const live = new MemoryView({
      node: { n1: {}, n2: {} },
      group: { up: { 'nodegroup.grouptype': 'dynamic', 'nodegroup.wherevals': 'status==booted' } },
    });
    expect(groupMembers(live, 'up')).toEqual([]);
    live.observe('node', 'n2', { 'nodelist.status': 'booted' });
    expect(groupMembers(live, 'up')).toEqual(['n2']);
    live.observe('node', 'n1', { 'nodelist.status': 'booted' });
    expect(groupMembers(live, 'up')).toEqual(['n1', 'n2']);
  });

  it('list osimages by their own table, not by what only hangs on them', () => {
    const images = new MemoryView({ osimage: { a: { 'osimage.osvers': 'x' }, b: { 'linuximage.pkglist': 'y' } } });
    expect(objectNames(images, 'osimage')).toEqual(['a']);
  });
});

describe('parseConditions', () => {
  it.each([
    ['mgt==ipmi', 'mgt', '==', 'ipmi'],
    ['mgt=ipmi', 'mgt', '==', 'ipmi'],
    ['mgt!=', 'mgt', '!=', ''],
    ['mgt=~/^h.*/', 'mgt', '=~', '^h.*'],
    ['mgt!~^h', 'mgt', '!~', '^h'],
    ['a==b==c', 'a', '==', 'b==c'],
  ])('reads %s', (text, attribute, operator, value) => {
    expect([...(parseConditions([text]) ?? [])]).toEqual([[attribute, { operator, value }]]);
  });

  it.each(['mgt', '', 'a=b=c', 'mgt='])('refuses %j', (text) => {
    expect(parseConditions([text])).toBeUndefined();
  });

  it('keeps the last condition on an attribute', () => {
    expect(parseConditions(['a==1', 'a==2'])?.get('a')?.value).toBe('2');
  });
});
