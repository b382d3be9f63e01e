import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NimReports } from '../../../../../agent/services/nim/reports.ts';
import { crypted } from '../../../../../agent/tasks/nim/aix-password.ts';
import { listOf, suppliedPostscripts } from '../../../../../agent/tasks/nim/postscripts.ts';
import { noteReporters, readReporter, writeReporter } from '../../../../../agent/tasks/nim/reporters.ts';
import { issueAgent, issueAuthority, issuerOf } from '../../../../../manager/fleet/authority/certificate.ts';
import type { TlsIdentity } from '../../../../../shared/identity/tls.ts';
import type { NimClientsSpec } from '../../../../../shared/task/nim.ts';
import type { NodeEvent } from '../../../../../shared/task/node-events.ts';

/*
 * What an AIX node says of itself: the script that it runs, under mksh and with openssl as it is, against the server of
 * the agent beside its master.
 */

let dir: string;
let reports: NimReports;
let events: NodeEvent[];
let log: string[];
let clock: number;

const day = 86_400_000;
const keys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** The identity of an agent, by an authority of its own. */
async function identity(): Promise<TlsIdentity> {
  const above = keys();
  const own = keys();
  const { certificate: authority } = await issueAuthority(above, 'test', Date.now(), 2 * day);
  const issuer = await issuerOf('test', above.privateKey);
  const agent = { name: 'aixmn', kind: 'service', roles: ['nim'] } as const;
  const { certificate } = await issueAgent(issuer, agent, own.publicKey, Date.now(), day);
  return { key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate, authority };
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-nim-reports-'));
  for (const name of ['etc', 'var/log/xcat', 'xcatpost/mypostscripts', 'bin'])
    mkdirSync(join(dir, name), { recursive: true });
  events = [];
  log = [];
  clock = 1_000_000;
  const own = await identity();
  writeFileSync(join(dir, 'xcatpost/hostler-ca.pem'), own.authority);
  reports = new NimReports({
    home: dir,
    identity: () => own,
    report: (event) => events.push(event),
    log: (line) => log.push(line),
    now: () => clock,
  });
  writeFileSync(join(dir, 'nim-report.json'), JSON.stringify({ hosts: ['127.0.0.1'], port: 0 }));
  await reports.listen();
  for (const [name, does] of [
    ['oslevel', 'echo 7200-05-03-2136'],
    ['uname', 'echo IBM,8286-42A'],
    ['rmitab', ''],
    ['chpasswd', `echo "$*" >>${dir}/chpasswd.args; cat >>${dir}/chpasswd.input`],
    ['sleep', ''],
  ] as const)
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
});

afterEach(async () => {
  await reports.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** What hostleraixpost does on node n1, with these scripts. */
async function nodeBoots(
  scripts: readonly string[] = [],
  change: { kind?: string; environment?: Record<string, string>; server?: string; nimName?: string } = {},
): Promise<{ exit: number | null; err: string; log: string }> {
  const nimName = change.nimName ?? 'n1';
  const [port = 0] = reports.ports();
  const list = listOf(
    { environment: {}, reportPort: port },
    {
      name: nimName,
      node: 'n1',
      address: '127.0.0.1',
      reportTo: '127.0.0.1',
      environment: { NODE: 'n1.cluster', ...change.environment },
      scripts: scripts.map((name) => ({ name, args: [] })),
    },
    change.server ?? 'aixmn',
  );
  writeFileSync(join(dir, `xcatpost/mypostscripts/mypostscript.${nimName}`), list);
  writeFileSync(join(dir, 'etc/xcatinfo'), `NODE=${nimName}\nMASTER=mn\nKIND=${change.kind ?? 'standalone'}\n`);
  const text = (suppliedPostscripts['hostleraixpost'] ?? '')
    .replace(/^PATH=.*$/m, '')
    .replaceAll(/(?<![\w$/}])\/(etc|var|xcatpost)\b/g, `${dir}/$1`);
  const child = spawn('/usr/bin/env', ['mksh', '-c', text], {
    env: { PATH: `${join(dir, 'bin')}:/usr/bin:/bin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (piece: Buffer) => (err += piece.toString()));
  const exit = await new Promise<number | null>((done) => child.once('close', done));
  return { exit, err, log: readFileSync(join(dir, 'var/log/xcat/xcat.log'), 'utf8') };
}

function script(name: string, text: string): void {
  writeFileSync(join(dir, 'xcatpost', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

const told = (): string[] => events.map(({ node, stage, detail }) => `${node} ${stage} ${detail}`.trim());
const known = (more: object = {}): Promise<void> =>
  writeReporter(dir, { node: 'node1', name: 'n1', address: '127.0.0.1', since: 1, ...more });

describe('a node that was set up', () => {
  test('registers with its level and model, gets the password once, runs its scripts, says booted', async () => {
    await known({ root: '{ssha512}10$salt$digest' });
    script('one', 'exit 0');
    const first = await nodeBoots(['one']);
    expect(first).toMatchObject({ exit: 0, err: '' });
    expect(told()).toEqual([
      'node1 nim-postbooting registered, AIX 7200-05-03-2136 on IBM,8286-42A',
      'node1 nim-booted',
    ]);
    expect(readFileSync(join(dir, 'chpasswd.input'), 'utf8')).toBe('root:{ssha512}10$salt$digest\n');
    expect(readFileSync(join(dir, 'chpasswd.args'), 'utf8')).toBe('-e -c\n');
    expect(first.log).not.toContain('digest');
    expect(await readReporter(dir, 'n1')).toMatchObject({ spokeAt: clock });
    expect(JSON.stringify(await readReporter(dir, 'n1'))).not.toContain('digest');
    await nodeBoots(['one']);
    expect(readFileSync(join(dir, 'chpasswd.input'), 'utf8').match(/root:/g)).toHaveLength(1);
  });

  test('scripts that fail are named', async () => {
    await known();
    script('bad', 'exit 3');
    expect((await nodeBoots(['bad', 'gone'])).exit).toBe(1);
    expect(told().at(-1)).toBe('node1 nim-failed postscripts failed: bad gone');
  });

  test('NODESTATUS=0: it registers and says no more', async () => {
    await known();
    await nodeBoots([], { environment: { NODESTATUS: '0' } });
    expect(told()).toEqual(['node1 nim-postbooting registered, AIX 7200-05-03-2136 on IBM,8286-42A']);
  });

  test('another name with NIM than its own', async () => {
    await writeReporter(dir, { node: 'node1', name: 'n1_img', address: '127.0.0.1', since: 1 });
    await nodeBoots([], { nimName: 'n1_img', kind: 'diskless' });
    expect(told().at(-1)).toBe('node1 nim-booted');
  });
});

describe('what is refused', () => {
  test('from another address: told once a minute, and no password goes out', async () => {
    await known({ address: '10.9.9.9', root: 'secret' });
    const answer = await nodeBoots();
    await nodeBoots();
    expect(answer.log).toContain('this is not the address of n1');
    expect(told()).toEqual(['node1 nim-refused this is not the address of n1 (from 127.0.0.1)']);
    expect(await readReporter(dir, 'n1')).toMatchObject({ root: 'secret' });
  });

  test('a node that nobody set up', async () => {
    expect((await nodeBoots()).log).toContain('n1 was not set up here');
    expect(events).toEqual([]);
  });

  test('a server that the authority did not sign, or of another name: the node tells it nothing', async () => {
    await known({ root: 'secret' });
    await nodeBoots([], { server: 'other' });
    writeFileSync(join(dir, 'xcatpost/hostler-ca.pem'), (await identity()).authority);
    const answer = await nodeBoots();
    expect(events).toEqual([]);
    expect(answer.log).toContain('the master could not be told: register');
    // Its scripts run all the same.
    expect(answer.log).toContain('postscripts have ended');
  });
});

test('without openssl the node says so in its log, once', async () => {
  await known();
  writeFileSync(join(dir, 'bin/openssl'), '#!/bin/sh\nexit 127\n', { mode: 0o755 });
  const { log: said } = await nodeBoots();
  expect(said.match(/openssl is not installed/g)).toHaveLength(1);
});

test('what the tasks note: who may report, where it is heard, and no more than that after a removal', async () => {
  const spec = {
    action: 'install',
    clients: [{ node: 'node1', name: 'n1', type: 'standalone', define: [], attributes: [] }],
    force: false,
    running: 'leave',
    resources: [],
    syncRoots: [],
    prescripts: [],
    scriptAction: 'standalone',
    rootPassword: { value: 'geheim', cryptmethod: '' },
    postscripts: {
      folder: '/install/postscripts',
      environment: {},
      reportPort: 3002,
      nodes: [{ name: 'n1', node: 'node1', address: '10.0.0.1', reportTo: 'mn', environment: {}, scripts: [] }],
    },
  } satisfies NimClientsSpec;
  rmSync(join(dir, 'nim-report.json'));
  await noteReporters(dir, spec, ['node1']);
  const noted = await readReporter(dir, 'n1');
  expect(noted).toMatchObject({ node: 'node1', address: '10.0.0.1' });
  expect(noted?.root).toMatch(/^\{ssha512\}10\$/);
  expect(statSync(join(dir, 'nim-nodes/n1')).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(join(dir, 'nim-report.json'), 'utf8'))).toEqual({ hosts: ['mn'], port: 3002 });
  await noteReporters(dir, { ...spec, action: 'remove' }, ['node1']);
  expect(await readReporter(dir, 'n1')).toBeUndefined();
});

test('the algorithm of AIX: pairs of password and digest as published', () => {
  expect(crypted('hashcat', '06', 'bJbkFGJAB30L2e23')).toBe(
    '{ssha512}06$bJbkFGJAB30L2e23$bXiXjyH5YGIyoWWmEVwq67nCU5t7GLy9HkCzrodRCQCx3r9VvG98o7O3V0r9cVrX3LPPGuHqT5LLn0oGCuI1..',
  );
});
