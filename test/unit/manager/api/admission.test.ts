import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandLine, redactAssignment } from '../../../../manager/api/command-line.ts';
import { permission } from '../../../../manager/api/policy.ts';
import { prepareProofs, redeemProof, sweepProofs } from '../../../../manager/api/proof.ts';
import { findUser, userName } from '../../../../manager/api/users.ts';
import { LiveView, parseRow } from '../../../../manager/registry/tables.ts';
import { createProof, proofFolder } from '../../../../shared/wire/proof.ts';

describe('proof of a user id', () => {
  let home: string;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'hostler-proof-'));
    await prepareProofs(home);
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });
  const token = 'a'.repeat(64);
  const file = (): string => join(proofFolder(home), token);

  test('tells the owner, once', async () => {
    expect(statSync(proofFolder(home)).mode & 0o7777).toBe(0o1733);
    const proof = createProof(home);
    expect(await redeemProof(home, proof.token, Date.now())).toBe(process.getuid?.());
    expect(readdirSync(proofFolder(home))).toEqual([]);
    await expect(redeemProof(home, proof.token, Date.now())).rejects.toMatchObject({ code: 'unauthenticated' });
    proof.discard();
  });

  const forgeries: Record<string, () => void> = {
    'a link to another file': () => {
      writeFileSync(join(home, 'own'), token);
      symlinkSync(join(home, 'own'), file());
    },
    'a second name of a file': () => {
      writeFileSync(join(home, 'own'), token);
      linkSync(join(home, 'own'), file());
    },
    'another content': () => {
      writeFileSync(file(), 'b'.repeat(64));
    },
    'a longer content': () => {
      writeFileSync(file(), `${token}\n`);
    },
    'an old file': () => {
      writeFileSync(file(), token);
      utimesSync(file(), 1, 1);
    },
    'a folder': () => {
      mkdirSync(file());
    },
    'nothing at all': () => undefined,
  };
  test.each(Object.entries(forgeries))('%s proves nothing', async (_name, forge) => {
    forge();
    await expect(redeemProof(home, token, Date.now())).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test.each(['../own', '', `${'a'.repeat(63)}/`, 'A'.repeat(64), `${'a'.repeat(64)}\n`])(
    '%j is no token',
    async (bad) => {
      await expect(redeemProof(home, bad, Date.now())).rejects.toMatchObject({ code: 'unauthenticated' });
    },
  );

  test('what nobody came for is swept away, what is fresh is not', async () => {
    writeFileSync(file(), token);
    utimesSync(file(), 1, 1);
    const fresh = createProof(home);
    await sweepProofs(home, Date.now());
    expect(readdirSync(proofFolder(home))).toEqual([fresh.token]);
  });

  test('a home that is none is said', () => {
    chmodSync(proofFolder(home), 0o700);
    expect(() => createProof(join(home, 'nowhere'))).toThrow(/Is .*nowhere the home of a running manager/);
  });
});

describe('policy', () => {
  const view = (rows: Record<string, Record<string, string>>): LiveView => {
    const live = new LiveView();
    for (const [name, row] of Object.entries(rows)) {
      const columns = Object.fromEntries(Object.entries(row).map(([key, value]) => [`policy.${key}`, value]));
      live.definitions.put('policy', name, parseRow(JSON.stringify(columns)));
    }
    return live;
  };
  const ann = { name: 'ann', uid: 1000 };
  const may = (rows: Record<string, Record<string, string>>, command = 'lsdef'): string =>
    permission(view(rows), ann, 500, command);

  test.each([
    ['nobody is allowed by default', {}, 'denied'],
    ['by name', { '5': { name: 'ann', rule: 'allow' } }, 'allowed'],
    ['trusted', { '5': { name: 'ann', rule: 'trusted' } }, 'trusted'],
    ['everybody', { '5': { name: '*', rule: 'allow' } }, 'allowed'],
    ['another', { '5': { name: 'bob', rule: 'allow' } }, 'denied'],
    ['for these commands', { '5': { name: 'ann', commands: 'nodels,lsdef', rule: 'allow' } }, 'allowed'],
    ['for other commands', { '5': { name: 'ann', commands: 'nodels', rule: 'allow' } }, 'denied'],
    ['a denial before', { '4.5': { name: 'ann', rule: 'deny' }, '10': { name: '*', rule: 'allow' } }, 'denied'],
    [
      'a denial behind, by number',
      { '9': { name: 'ann', rule: 'allow' }, '10': { name: 'ann', rule: 'deny' } },
      'allowed',
    ],
    ['an unknown rule', { '5': { name: 'ann', rule: 'alow' } }, 'denied'],
    ['no rule', { '5': { name: 'ann' } }, 'denied'],
    ['a limit that is not checked allows nothing', { '5': { name: 'ann', rule: 'allow', noderange: 'n1' } }, 'denied'],
    [
      'a limit does not soften a denial',
      { '5': { name: 'ann', rule: 'deny', noderange: 'n1' }, '6': { name: 'ann', rule: 'allow' } },
      'denied',
    ],
    ['a rule for machines is nothing for people', { '3': { commands: 'lsdef', rule: 'allow' } }, 'denied'],
  ])('%s', (_name, rows, expected) => {
    expect(may(rows)).toBe(expected);
  });

  test('root and the manager’s own user cannot be locked out', () => {
    const rows = view({ '1': { name: '*', rule: 'deny' } });
    expect(permission(rows, { name: 'root', uid: 0 }, 500, 'x')).toBe('trusted');
    expect(permission(rows, { name: 'hostler', uid: 500 }, 500, 'x')).toBe('trusted');
  });
});

describe('the command line that is kept', () => {
  test.each([
    ['bmcpassword=geheim', 'bmcpassword=***'],
    ['ipmi.password=geheim', 'ipmi.password=***'],
    ['n1:ipmi.password=a=b', 'n1:ipmi.password=***'],
    ['passwd.HMC=x y', 'passwd.HMC=***'],
    ['password+=x', 'password+=***'],
    ['token.tokenid=x', 'token.tokenid=***'],
    ['BMCPASSWORD=x', 'BMCPASSWORD=***'],
    ['bmcpassword=', 'bmcpassword='],
    ['groups=all', 'groups=all'],
    ['n1-n5', 'n1-n5'],
  ])('%s is kept as %s', (word, kept) => {
    expect(redactAssignment(word)).toBe(kept);
  });

  test('is one line, quoted and short', () => {
    const asked = {
      verb: 'chdef',
      options: { t: ['node'], o: ['n1'], f: [''], password: ['x'], w: ['bmcpassword==y'] },
      operands: ['a=b c', "it's\n", 'mgt=ipmi'],
      plan: true,
      json: false,
    };
    expect(commandLine(asked)).toBe(
      String.raw`chdef -t node -o n1 -f --password *** -w bmcpassword==*** 'a=b c' 'it'\''s ' mgt=ipmi --plan`,
    );
    expect(commandLine({ ...asked, operands: ['x'.repeat(10_000)] }).length).toBeLessThan(600);
  });
});

test('users by number and name, as the machine knows them', () => {
  expect(userName(0)).toBe('root');
  expect(userName(4_000_123)).toBe('uid:4000123');
  expect(findUser('root')).toEqual({ name: 'root', uid: 0, gid: 0 });
  expect(findUser('4000123')).toMatchObject({ uid: 4_000_123 });
  expect(() => findUser('no such user')).toThrow(/Make one, or name another/);
});
