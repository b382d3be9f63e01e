import { describe, expect, it } from 'vitest';
import { changeFor, initialObjects, objectNames, withoutDefaults } from '../../../../shared/objects/index.ts';
import { MemoryView } from '../../support/view.ts';

const view = new MemoryView({
  node: { n1: { 'nodelist.groups': 'lab' }, n2: { 'nodehm.mgt': 'openbmc' } },
  group: { lab: { 'nodehm.mgt': 'ipmi' } },
});

describe('changeFor', () => {
  it('puts an attribute where the condition says, inherited values counting', () => {
    expect(changeFor(view, 'node', 'n1', { bmc: 'b' }).values).toEqual({ 'ipmi.bmc': 'b' });
    expect(changeFor(view, 'node', 'n2', { bmc: 'b' }).values).toEqual({ 'openbmc.bmc': 'b' });
    expect(changeFor(view, 'node', 'n3', { bmc: 'b', groups: 'lab' })).toEqual({
      type: 'node',
      name: 'n3',
      fresh: true,
      values: { 'ipmi.bmc': 'b', 'nodelist.groups': 'lab' },
    });
  });

  it('writes every entry whose condition holds', () => {
    expect(changeFor(view, 'node', 'n1', { nodetype: 'pdu', outlet: '8' }).values).toEqual({
      'nodetype.nodetype': 'pdu',
      'pdu.nodetype': 'pdu',
      'pdu.outlet': '8',
    });
  });

  it('refuses what has no place, in the words of the facts', () => {
    expect(() => changeFor(view, 'node', 'n9', { bmc: 'b' })).toThrow(
      "Cannot set the attr='bmc' attribute unless mgt value is ipmi or openbmc.",
    );
    expect(() => changeFor(view, 'node', 'n1', { nosuch: 'b' })).toThrow('not a valid attribute name');
    expect(() => changeFor(view, 'nosuch', 'n1', {})).toThrow("no object type 'nosuch'");
  });

  it('clears with the empty string, forgets with null, wherever the attribute may be', () => {
    expect(changeFor(view, 'node', 'n1', { os: '' }).values).toEqual({ 'nodetype.os': '' });
    expect(changeFor(view, 'node', 'n1', { bmc: null }).values).toEqual({ 'ipmi.bmc': null, 'openbmc.bmc': null });
  });

  it('keeps passwords of several users apart', () => {
    expect(changeFor(view, 'node', 'n1', { mgt: 'fsp', 'passwd.HMC': 's' }).values).toEqual({
      'nodehm.mgt': 'fsp',
      'ppcdirect.password.HMC': 's',
      'ppcdirect.username.HMC': 'HMC',
    });
  });

  it('sets keys of the site, and takes them away when they are empty', () => {
    expect(changeFor(view, 'site', 'clustersite', { a: '1', b: '' }).values).toEqual({
      'site.a': '1',
      'site.b': null,
      'sitecomments.b': null,
      'sitedisable.b': null,
    });
  });
});

describe('withoutDefaults', () => {
  it('takes away what is in both', () => {
    expect(withoutDefaults('a,syslog,b', 'syslog,x')).toEqual({ kept: 'a,b', repeated: ['syslog'] });
  });
});

describe('initialObjects', () => {
  it('is a registry with site, policy and default scripts, and no network', () => {
    const fresh = new MemoryView();
    fresh.commit(initialObjects({ server: 'mn', master: '10.0.0.1', installDir: '/i', tftpDir: '/t' }));
    expect(fresh.row('site', 'clustersite')).toMatchObject({ 'site.installdir': '/i', 'site.nameservers': '10.0.0.1' });
    expect(fresh.row('site', 'clustersite')).not.toHaveProperty(['site.domain']);
    expect(objectNames(fresh, 'policy').slice(0, 3)).toEqual(['1', '1.2', '2']);
    expect(objectNames(fresh, 'network')).toEqual([]);
    expect(objectNames(fresh, 'group')).toEqual([]);
  });
});
