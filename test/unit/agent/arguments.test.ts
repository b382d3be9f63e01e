import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCall } from '../../../agent/arguments.ts';
import { imageSettings } from '../../../agent/boot/image-settings.ts';

const base = ['--home', '/h', '--manager', 'mn:7788', '--name', 'w1'];
const options = (...more: string[]): object => {
  const call = parseCall([...base, ...more], {});
  if (call.what !== 'run') return call;
  return { ...call.options, token: undefined };
};
const token = (more: string[], env: NodeJS.ProcessEnv = {}): string | undefined => {
  const call = parseCall([...base, ...more], env);
  return call.what === 'run' ? call.options.token() : undefined;
};

test('the usual calls', () => {
  expect(options()).toEqual({
    home: '/h',
    manager: 'mn:7788',
    name: 'w1',
    roles: [],
    installDir: '/h/install',
    tftpDir: '/h/tftpboot',
    once: false,
    serve: [],
    relay: [],
    choice: {},
    token: undefined,
  });
  expect(
    options('--roles', 'build,store', '--once', '--install-dir', '/install', '--serve', '[::1]:80', '--serve', 'a:1'),
  ).toMatchObject({
    roles: ['build', 'store'],
    once: true,
    installDir: '/install',
    serve: [
      { host: '::1', port: 80 },
      { host: 'a', port: 1 },
    ],
  });
  expect(parseCall(['--boot'], {})).toEqual({ what: 'boot' });
  expect(parseCall(['task', '/t', '--clean-up'], {})).toEqual({ what: 'task', dir: '/t', cleanUp: true });
  expect(parseCall(['--help', ...base], {})).toEqual({ what: 'help' });
});

test('a token from a file, the environment or, if it must be, an argument', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hostler-arguments-'));
  try {
    writeFileSync(join(dir, 'token'), 'from-file\n');
    expect(token(['--token-file', join(dir, 'token')])).toBe('from-file');
    expect(token(['--token', 'plain'], { HOSTLER_TOKEN: 'env' })).toBe('plain');
    expect(token([], { HOSTLER_TOKEN: 'env' })).toBe('env');
    expect(token([])).toBeUndefined();
    // Only when it is needed: an agent that has its certificate does not miss the file.
    expect(options('--token-file', join(dir, 'gone'))).toBeDefined();
    expect(() => token(['--token-file', join(dir, 'gone')])).toThrow(/cannot be read/);
    expect(() => options('--token', 'x', '--token-file', 'y')).toThrow(/exclude/);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('which link to take', () => {
  expect(options('--link', 'nats')).toMatchObject({ choice: { link: 'nats' } });
  expect(options('--nats', 'nats://b1,tls://[fd00::1]:4333')).toMatchObject({
    choice: { link: 'nats', brokers: ['b1:4222', '[fd00::1]:4333'] },
  });
});

test('what is wrong is named', () => {
  const wrong: [string[], RegExp][] = [
    [['--manager', 'mn:1'], /--home/],
    [['--home', '/h'], /--manager/],
    [[...base, '--roles', 'build,cook'], /no role 'cook'/],
    [[...base, '--name', '../x'], /cannot be the name/],
    [[...base, '--frobnicate'], /frobnicate/],
    [[...base, 'extra'], /'extra'/],
    [[...base, '--nats', 'http://x'], /no address of a broker/],
    [[...base, '--link', 'pigeon'], /grpc or nats/],
    [[...base, '--link', 'grpc', '--nats', 'b:1'], /exclude/],
    [[...base, '--serve', 'x'], /no address/],
    [['task'], /folder/],
  ];
  for (const [argv, why] of wrong) expect(() => parseCall(argv, {}), argv.join(' ')).toThrow(why);
});

test('an image without a clear word leaves no process behind', () => {
  expect(imageSettings('/nonexistent')).toEqual({ mode: 'once', roles: ['node'] });
});

test.each([
  ['{"mode":"once"}', { mode: 'once', roles: ['node'] }],
  [
    '{"mode":"stay","roles":["boot","store","relay","control","node"]}',
    { mode: 'stay', roles: ['boot', 'store', 'relay', 'control', 'node'] },
  ],
  ['{"mode":"stay","roles":["store","root",7,"store"]}', { mode: 'stay', roles: ['store', 'node'] }],
  ['{"mode":"stay","roles":"build"}', { mode: 'stay', roles: ['node'] }],
  ['"stay"', { mode: 'once', roles: ['node'] }],
])('an image that says %s', (text, settings) => {
  const root = mkdtempSync(join(tmpdir(), 'hostler-settings-'));
  mkdirSync(join(root, 'opt/hostler'), { recursive: true });
  writeFileSync(join(root, 'opt/hostler/agent.json'), text);
  expect(imageSettings(root)).toEqual(settings);
  rmSync(root, { recursive: true });
});
