import { expect, test } from 'vitest';
import { atManager, leafAddresses, leafPort, parseBrokers, toldAddress } from '../../../../shared/broker/address.ts';
import { connectionError, whatLacks } from '../../../../shared/broker/connection.ts';
import { leafDomain, ownSubjectsOf, readKept, readUp, upSubject } from '../../../../shared/identity/subjects.ts';

test('addresses of brokers', () => {
  expect(parseBrokers('nats://a.example:4333,tls://[fd00::1],10.0.0.1')).toEqual([
    'a.example:4333',
    '[fd00::1]:4222',
    '10.0.0.1:4222',
  ]);
  for (const wrong of ['', 'http://x', 'x:0', 'x:70000', 'nats://', 'a b', 'x,', 'user:secret@x']) {
    expect(() => parseBrokers(wrong), wrong).toThrow(/no address of a broker/);
  }
});

test('an agent finds a broker without a host where it found the manager', () => {
  expect(atManager([':4222', 'b:1'], '10.0.0.1:7440')).toEqual(['10.0.0.1:4222', 'b:1']);
  expect(atManager([':4222'], '[fd00::1]:7440')).toEqual(['[fd00::1]:4222']);
  expect(atManager([':4222'], 'unix:/x/manager.sock')).toEqual(['127.0.0.1:4222']);
});

test('what agents are told of a broker of the manager', () => {
  expect(toldAddress({ host: '0.0.0.0', port: 1 }, undefined)).toBe(':1');
  expect(toldAddress({ host: '10.0.0.1', port: 1 }, '10.0.0.1')).toBe(':1');
  expect(toldAddress({ host: '10.0.0.2', port: 1 }, '10.0.0.1')).toBe('10.0.0.2:1');
  expect(toldAddress({ host: 'fd00::1', port: 1 }, undefined)).toBe('[fd00::1]:1');
});

test('leaf nodes connect beside the broker', () => {
  expect(leafPort(4222)).toBe(7422);
  expect(leafPort(64_000)).toBe(60_800);
  expect(leafAddresses(['10.0.0.1:4222', '[fd00::1]:4333'])).toEqual(['10.0.0.1:7422', '[fd00::1]:7533']);
});

test('what a broker lacks is said, with what to do', () => {
  const fits = { version: '2.9.10', headers: true, max_payload: 1024 * 1024 };
  expect(whatLacks(fits)).toBeUndefined();
  expect(whatLacks({ ...fits, version: '2.10.1' })).toBeUndefined();
  expect(whatLacks({ ...fits, version: 'v3.0.0-beta' })).toBeUndefined();
  for (const version of ['2.8.4', '1.9.9', '', 'latest']) {
    expect(whatLacks({ ...fits, version })).toMatch(/2\.9\.0 is the oldest.*Upgrade/);
  }
  expect(whatLacks({ ...fits, headers: false })).toMatch(/no headers/);
  expect(whatLacks({ ...fits, max_payload: 65536 })).toMatch(/max_payload is 65536 bytes. Set at least/);
  expect(whatLacks(undefined)).toMatch(/unknown/);
});

test('reasons of the client become sentences', () => {
  const error = (code: string): Error => Object.assign(new Error(code), { code });
  expect(connectionError(error('AUTHORIZATION_VIOLATION'), 'b:1')).toMatchObject({ code: 'unauthenticated' });
  expect(connectionError(error('TIMEOUT'), 'b:1').message).toMatch(/b:1.*does not accept our certificate/);
  expect(connectionError('odd', 'b:1')).toMatchObject({ code: 'unavailable' });
});

test('subjects say whose they are, and nothing else is read from them', () => {
  const owner = { name: 'n01.rack-2.x_y', serial: '0a1b' };
  expect(readUp(upSubject(owner, 'C-1_x'))).toEqual({ ...owner, connection: 'C-1_x' });
  expect(upSubject(owner, 'c').split('.')).toHaveLength(5);
  for (const wrong of [
    '',
    'hostler.up.a.b',
    'hostler.up.a.zz.c',
    'hostler.up.a.0.c.d',
    'hostler.down.a.0.c',
    'x.up.a.0.c',
  ]) {
    expect(readUp(wrong), wrong).toBeUndefined();
  }
  expect(readKept('hostler.kept.a~b.0f')).toEqual({ name: 'a.b', serial: '0f' });
  expect(readKept('hostler.kept.a.0f.x')).toBeUndefined();
  expect(leafDomain('sn.1')).toBe('relay-sn~1');
  expect(ownSubjectsOf({ name: 'n.1', serial: '0f' })).toEqual({
    publish: ['hostler.up.n~1.0f.*', 'hostler.kept.n~1.0f'],
    subscribe: ['hostler.down.n~1.0f.*', 'hostler.all.*'],
  });
});
