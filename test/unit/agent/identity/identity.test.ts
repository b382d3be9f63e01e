import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseManagerAddress } from '../../../../agent/identity/address.ts';
import { type EnsureOptions, ensureIdentity, keepRenewed } from '../../../../agent/identity/identity.ts';
import { type Identity, loadIdentity } from '../../../../agent/identity/identity-files.ts';
import { Backoff } from '../../../../agent/link/backoff.ts';
import { until } from '../../../sim/engine.ts';
import { SimManager } from '../../../sim/manager.ts';

describe('manager addresses', () => {
  it.each([
    ['unix:/run/x.sock', { path: '/run/x.sock' }],
    ['manager.example:7700', { host: 'manager.example', port: 7700 }],
    ['[fd00::1]:7700', { host: 'fd00::1', port: 7700 }],
  ])('%s', (text, address) => expect(parseManagerAddress(text)).toEqual(address));

  it.each(['', 'host', 'host:', 'host:0', 'host:99999', 'unix:', 'http://host:1', 'a b:1', 'host:1\n'])(
    '%j is none',
    (text) => {
      expect(() => parseManagerAddress(text)).toThrow('give HOST:PORT or unix:PATH');
    },
  );
});

it('pauses grow to their limit, anywhere between nothing and the ceiling', () => {
  const longest = new Backoff(100, 1000, () => 1);
  expect(Array.from({ length: 6 }, () => longest.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
  longest.reset();
  expect(longest.next()).toBe(100);
  expect(new Backoff(100, 1000, () => 0).next()).toBe(0);
});

describe('identity of an agent', () => {
  let folder: string;
  let manager: SimManager;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostler-identity-'));
    manager = await SimManager.start({ home: join(folder, 'm') });
  });
  afterEach(async () => {
    await manager.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const log = { info: (): void => undefined, warn: (): void => undefined };

  function options(proof?: EnsureOptions['proof']): EnsureOptions {
    return {
      home: join(folder, 'a'),
      manager: manager.address,
      version: '1',
      incarnation: 'i',
      log,
      signal: AbortSignal.timeout(10_000),
      pauses: [20, 50],
      ...(proof === undefined ? {} : { proof }),
    };
  }

  const byToken = async (): Promise<EnsureOptions['proof']> => ({
    by: 'join',
    token: await manager.token(),
    name: 'a1',
    roles: [],
  });

  it('is kept, and asked for once', async () => {
    const first = await ensureIdentity(options(await byToken()));
    const again = await ensureIdentity(options());
    expect(again.serial).toBe(first.serial);
  });

  it('is made anew for more roles where a token gives them; else it stays as it was', async () => {
    const asks = (token: string, roles: readonly string[]): Promise<Identity> =>
      ensureIdentity(options({ by: 'join', name: 'a1', token, roles }));
    const first = await asks(await manager.token(), ['build']);
    const forAnother = await manager.token({ roles: ['build', 'nim'] });
    expect((await asks(forAnother, ['build', 'nim'])).serial).toBe(first.serial);
    const own = await manager.token({ roles: ['build', 'nim'], name: 'a1' });
    const second = await asks(own, ['build', 'nim']);
    expect(second.roles).toEqual(['build', 'nim']);
    // The token is used up, and nobody asks with it.
    expect((await asks(own, ['build', 'nim'])).serial).toBe(second.serial);
  });

  it('cannot be had without a token, and the message says where to get one', async () => {
    await expect(ensureIdentity(options())).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('hostler agents token') as string,
    });
  });

  it('waits for a manager that is not there yet', async () => {
    const proof = await byToken();
    await manager.crash();
    const waiting = ensureIdentity(options(proof));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await manager.up();
    expect((await waiting).name).toBe('a1');
  });

  it('stops waiting when it is told to', async () => {
    const proof = await byToken();
    await manager.crash();
    const stopping = new AbortController();
    const waiting = ensureIdentity({ ...options(proof), signal: stopping.signal });
    stopping.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'HostlerError' });
    await manager.up();
  });

  it('asks again with the same key after a crash before the answer was kept', async () => {
    const proof = await byToken();
    const first = await ensureIdentity(options(proof));
    await rm(join(folder, 'a', 'identity', 'identity.pem'));
    expect((await ensureIdentity(options(proof))).serial).toBe(first.serial);
  });

  it('says so when its files do not belong together', async () => {
    await ensureIdentity(options(await byToken()));
    const file = join(folder, 'a', 'identity', 'identity.pem');
    const [, certificate = ''] = (await readFile(file, 'utf8')).split('-----END PRIVATE KEY-----\n');
    const key = await readFile(join(folder, 'm', 'authority', 'ca.key'), 'utf8');
    await writeFile(file, key + certificate);
    await expect(loadIdentity(join(folder, 'a'))).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('renews itself before it expires', async () => {
    const first = await ensureIdentity(options(await byToken()));
    const renewed: string[] = [];
    // As if it ran out in a moment; the real one does not, however slow this machine is today.
    const kept = keepRenewed(
      { ...first, expiresAt: Date.now() + 1_500 },
      {
        ...options(),
        renewed: ({ serial }) => renewed.push(serial),
      },
    );
    await until('a renewal', () => renewed.length > 0);
    expect(renewed).not.toContain(first.serial);
    expect(kept.current().serial).toBe(renewed.at(-1));
    expect((await loadIdentity(join(folder, 'a')))?.serial).toBe(renewed.at(-1));
    await kept.stop();
  });
});
