import { expect, test } from 'vitest';
import { type BrokerSettings, renderBroker } from '../../../../shared/broker/config.ts';

const settings: BrokerSettings = {
  listen: { host: '10.0.0.1', port: 4222 },
  trust: { operator: 'ey.op.x', systemAccount: 'ASYS', accounts: { ASYS: 'ey.s.x', AHOSTLER: 'ey.h.x' } },
  tls: { certificate: '/h/nats/server.pem', key: '/h/nats/server.key', authority: '/h/nats/ca.pem' },
  store: { folder: '/h/nats/jet stream', mostBytes: 1000 },
};

test('a broker is told whom to trust, and lets nobody in without a certificate', () => {
  const text = renderBroker({ ...settings, domain: 'hub', leafListen: { host: '::', port: 7422 } });
  expect(text).toContain('listen: "10.0.0.1:4222"');
  expect(text).toContain('  AHOSTLER: ey.h.x');
  expect(text).toContain('store_dir: "/h/nats/jet stream", max_memory_store: 0, max_file_store: 1000, domain: "hub"');
  expect(text).toContain('leafnodes { listen: "[::]:7422"');
  expect(text.match(/verify: true/g)).toHaveLength(2);
});

test('a leaf node connects by a port of its own machine, and shows and wants certificates', () => {
  const leafRemote = { port: 40001, account: 'AHOSTLER', credentials: '/h/leaf/leaf.creds' };
  const text = renderBroker({ ...settings, name: 'hostler-relay-r1', domain: 'relay-r1', leafRemote });
  expect(text).toContain('server_name: "hostler-relay-r1"');
  expect(text).toContain('domain: "relay-r1"');
  expect(text).toMatch(
    /leafnodes \{ reconnect: 1, remotes: \[ \{ urls: \[ "tls:\/\/127\.0\.0\.1:40001" \], account: AHOSTLER, credentials: "\/h\/leaf\/leaf\.creds", tls \{ .*verify: true/,
  );
  expect(text).toContain('resolver: MEMORY');
  expect(text).not.toContain('leafnodes { listen');
});

test('a broker that takes accounts while it runs has a folder for them', () => {
  const text = renderBroker({ ...settings, accounts: '/h/nats/accounts' });
  expect(text).toContain('resolver { type: full, dir: "/h/nats/accounts"');
  expect(text).not.toContain('MEMORY');
  expect(text).toContain('  AHOSTLER: ey.h.x');
});

test('nothing can be written into its configuration from outside', () => {
  const wrong: Partial<BrokerSettings>[] = [
    { listen: { host: '1.1.1.1"\nauthorization {}', port: 1 } },
    { listen: { host: 'x', port: -1 } },
    { domain: 'a"b' },
    { store: { folder: '/h/\n}', mostBytes: 1 } },
    { store: { folder: '/h', mostBytes: Number.NaN } },
    { trust: { ...settings.trust, operator: 'x y' } },
    { trust: { ...settings.trust, accounts: { 'A }': 'x' } } },
    { tls: { ...settings.tls, key: '/h\\"' } },
    { name: 'x"\nauthorization {}' },
    { accounts: '/h" }' },
    { leafRemote: { port: 1, account: 'A }', credentials: '/x' } },
    { leafRemote: { port: 1.5, account: 'A', credentials: '/x' } },
  ];
  for (const one of wrong)
    expect(() => renderBroker({ ...settings, ...one })).toThrow(/cannot stand in the configuration/);
});
