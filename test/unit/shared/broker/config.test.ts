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
  ];
  for (const one of wrong)
    expect(() => renderBroker({ ...settings, ...one })).toThrow(/cannot stand in the configuration/);
});
