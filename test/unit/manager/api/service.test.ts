import { type Client, Metadata, credentials } from '@grpc/grpc-js';
import { type Server, createServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, openApiServer } from '../../../../manager/api/server.ts';
import { ApiService } from '../../../../manager/api/service.ts';
import type { Caller } from '../../../../manager/api/policy.ts';
import type { FleetAdmin } from '../../../../manager/fleet/types.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { isSecret } from '../../../../shared/schema/index.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { type Verb, end } from '../../../../shared/verb/verb.ts';
import { callUnary, streamOf } from '../../../../shared/wire/call.ts';
import { wire } from '../../../../shared/wire/definitions.ts';
import type { Event__Output } from '../../../../shared/wire/generated/hostler/v1/Event.ts';
import type { RevisionRecord__Output } from '../../../../shared/wire/generated/hostler/v1/RevisionRecord.ts';
import { Agents, type Manager, collect, disk, done, startManager } from '../jobs/harness.ts';

const echo: Verb = {
  name: 'echo',
  version: 1,
  changes: false,
  start: ({ operands, options, input, files, user, json }) =>
    end(
      {
        do: 'data',
        value: { operands, options: { ...options }, input: input ?? null, files: { ...files }, user, json },
      },
      { do: 'done', exit: 0 },
    ),
};
const setNode: Verb = {
  name: 'setnode',
  version: 1,
  changes: true,
  start: ({ operands: [name = '', value = ''] }) =>
    end(
      {
        do: 'commit',
        key: 'c',
        changes: [{ type: 'node', name, values: { 'ipmi.password': value, 'nodehm.mgt': value } }],
      },
      { do: 'done', exit: 0 },
    ),
};
/** Named as the one that takes stanzas. */
const stanzas: Verb = {
  name: 'mkdef',
  version: 1,
  changes: true,
  start: ({ stanzas: read }) => {
    const objects = read?.stanzas.map(({ name, objtype = '', attributes }) => [
      name,
      [objtype, ...[...attributes].map(([key, value]) => `${key}=${value}`)],
    ]);
    return end({ do: 'data', value: Object.fromEntries(objects ?? []) as Json }, { do: 'done', exit: 0 });
  },
};
const slow: Verb = {
  name: 'slow',
  version: 1,
  changes: true,
  start: () => ({
    state: null,
    effects: [{ do: 'run', task: { key: 't', kind: 'k', title: 'T', on: { role: 'build' }, spec: null } }],
  }),
  on: (_state, report) => ({ state: null, effects: report.about === 'task' ? [{ do: 'done', exit: 0 }] : [] }),
};

const agents = new Agents();
agents.behaviour = () => 'silent';
const admin: FleetAdmin = {
  agents: () => [{ name: 'b1', roles: ['build'], state: 'connected' }],
  createToken: (request) => Promise.resolve({ token: `t-${request.roles.join('+')}-${request.uses}`, expiresAt: 5 }),
  approve: (name) => Promise.reject(new HostlerError('not_found', `There is no agent ${name}.`)),
  revoke: (name) => Promise.resolve({ name, state: 'revoked' }),
  authority: 'ff00',
  connected: () => 1,
};

let manager: Manager;
let server: ApiServer;
let door: Server;
const folder = mkdtempSync(join(tmpdir(), 'hostler-api-'));
const client = new wire.Api(`unix:${join(folder, 's')}`, credentials.createInsecure());

/** In this test a caller is who he says he is. */
function identify(metadata: Metadata): Promise<Caller> {
  const [name] = metadata.get('user');
  if (typeof name !== 'string') return Promise.reject(new HostlerError('unauthenticated', 'Who are you?'));
  return Promise.resolve({ name, uid: name === 'root' ? 0 : 1000 });
}
const as = (user: string): Metadata => {
  const metadata = new Metadata();
  metadata.set('user', user);
  return metadata;
};
const run = async (user: string, request: Parameters<typeof client.run>[0]): Promise<Event__Output[]> =>
  collect(streamOf<Event__Output>(client.run(request, as(user))));

beforeAll(async () => {
  manager = await startManager(await disk(), agents, [echo, setNode, slow, stanzas]);
  const { registry, jobs } = manager;
  const status = (): object => ({ server: 'mn', revision: registry.view.revision });
  const log = pino({ level: 'silent' });
  server = openApiServer(new ApiService({ registry, jobs, fleet: admin, log, isSecret, identify, owner: 500, status }));
  door = createServer((socket) => server.accept(socket));
  await new Promise<void>((resolve) => door.listen(join(folder, 's'), resolve));
});
afterAll(async () => {
  (client as Client).close();
  await server.close(100);
  door.close();
  await manager.jobs.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('run', () => {
  test('carries all that was asked to the verb, and what it says back', async () => {
    const events = await run('root', {
      verb: 'echo',
      options: { l: { items: [''] }, __proto__: { items: ['a', 'b'] }, ['x']: { items: [] } },
      operands: ['n1', ''],
      input: '',
      json: true,
      files: { '/tmp/f': Buffer.from('ä\n') },
    });
    expect(events).toHaveLength(2);
    expect(JSON.parse(events[0]?.data?.json ?? '')).toMatchObject({
      operands: ['n1', ''],
      options: { l: [''], x: [] },
      input: '',
      files: { '/tmp/f': 'ä\n' },
      user: 'root',
      json: true,
    });
    expect(events[1]).toMatchObject({
      position: 1,
      body: 'finished',
      finished: { exit: 0, state: 'done', code: '', message: '' },
    });
  });

  test.each([
    ['no proof', undefined, 'echo', 'unauthenticated', /Who are you/],
    ['somebody without permission', 'ann', 'echo', 'permission_denied', /ann may not run 'echo'/],
    ['a command that is not there', 'root', 'nothing', 'unimplemented', /no command 'nothing'/],
  ])('%s is refused', async (_name, user, verb, code, message) => {
    const metadata = user === undefined ? new Metadata() : as(user);
    await expect(collect(streamOf(client.run({ verb }, metadata)))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
  });

  test.each([
    [{ operands: ['a\u0000b'] }],
    [{ operands: Array.from({ length: 20_001 }, () => 'x') }],
    [{ operands: ['x'.repeat(300_000)] }],
    [{ files: { f: Buffer.from([0xff, 0xfe]) } }],
  ])('hostile input %# is refused', async (request) => {
    await expect(run('root', { verb: 'echo', ...request })).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('a run whose input comes in pieces', () => {
  const streamed = (parts: readonly object[]): Promise<Event__Output[]> => {
    const call = client.runStreamed(as('root'));
    for (const part of parts) call.write(part);
    call.end();
    return collect(streamOf<Event__Output>(call));
  };
  const euro = Buffer.from('a€b');

  test('hands it to the verb whole, characters that were cut in two too', async () => {
    const request = { verb: 'echo', operands: ['n1'], json: true };
    const [data] = await streamed([{ request }, { input: euro.subarray(0, 2) }, { input: euro.subarray(2) }]);
    expect(JSON.parse(data?.data?.json ?? '')).toMatchObject({ operands: ['n1'], input: 'a€b', user: 'root' });
  });

  test('reads stanzas while they come', async () => {
    const request = { verb: 'mkdef', options: { stanza: { items: [''] } } };
    const parts = [{ request }, { input: Buffer.from('n1:\n objty') }, { input: Buffer.from('pe=node\n mgt=ipmi') }];
    const [data] = await streamed(parts);
    expect(JSON.parse(data?.data?.json ?? '')).toEqual({ n1: ['node', 'mgt=ipmi'] });
  });

  test.each([
    ['nothing at all', []],
    ['input before the request', [{ input: euro }]],
    ['two requests', [{ request: { verb: 'echo' } }, { request: { verb: 'echo' } }]],
    [
      'a line that is too long',
      [{ request: { verb: 'mkdef', options: { stanza: {} } } }, { input: Buffer.alloc(2_000_000, 'x') }],
    ],
  ])('refuses %s', async (_name, parts) => {
    await expect(streamed(parts)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

test('the history keeps secrets to itself', async () => {
  await run('root', { verb: 'setnode', operands: ['n1', 'geheim'] });
  const records = await collect(streamOf<RevisionRecord__Output>(client.history({ object: 'node/n1' }, as('root'))));
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({
    user: 'root',
    command: 'setnode n1 geheim',
    changes: [{ type: 'node', name: 'n1', action: 'created' }],
  });
  const values = new Map(records[0]?.changes[0]?.values.map((value) => [value.key, value]));
  expect(values.get('ipmi.password')).toMatchObject({ secret: true });
  expect(values.get('ipmi.password')?.newValue).toBeUndefined();
  expect(values.get('nodehm.mgt')).toMatchObject({ secret: false, newValue: 'geheim' });
  expect(values.get('nodehm.mgt')?.oldValue).toBeUndefined();
});

test('a watcher hears of a change, and leaving ends the watch', async () => {
  const call = client.watch({ object: 'node' }, as('root'));
  const first = streamOf<RevisionRecord__Output>(call);
  const next = first.next();
  // The watch begins when the server has taken the call.
  await expect
    .poll(async () => {
      await run('root', { verb: 'setnode', operands: ['n7', String(Math.random())] });
      return Promise.race([next.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);
    })
    .toBe(true);
  expect((await next).value).toMatchObject({ changes: [{ type: 'node', name: 'n7' }] });
  await first.return();
});

test('a job is followed, seen, and cancelled by who started it or an administrator', async () => {
  const { registry, jobs } = manager;
  const allow = { 'policy.name': 'ann,bob', 'policy.rule': 'allow' };
  await registry.commit({ user: '', command: '', correlation: '', at: 0 }, [
    { type: 'policy', name: '5', values: allow },
  ]);
  const call = client.run({ verb: 'slow', correlation: 'corr-1' }, as('ann'));
  const events = streamOf<Event__Output>(call);
  const started = (await events.next()).value;
  const id = (started as Event__Output).started?.job ?? '';
  expect(started).toMatchObject({ started: { verb: 'slow', correlation: 'corr-1' } });
  await expect(callUnary(client.cancel.bind(client), { job: id }, as('bob'))).rejects.toMatchObject({
    code: 'permission_denied',
  });
  // Closing the call leaves the job running.
  await events.return();
  expect(await callUnary(client.listJobs.bind(client), { runningOnly: true }, as('ann'))).toMatchObject({
    jobs: [{ id, user: 'ann', state: 'running' }],
  });
  expect(await callUnary(client.cancel.bind(client), { job: id }, as('root'))).toMatchObject({ state: 'cancelling' });
  agents.finish(`${id}.t`, done());
  const rest = await collect(streamOf<Event__Output>(client.follow({ job: id, position: 1 }, as('ann'))));
  expect(rest.at(-1)).toMatchObject({ body: 'finished' });
  expect(await callUnary(client.showJob.bind(client), { id }, as('ann'))).toMatchObject({
    summary: { id },
    steps: [{ title: 'T', agent: 'build1' }],
  });
  await expect(callUnary(client.showJob.bind(client), { id: '../1' }, as('ann'))).rejects.toMatchObject({
    code: 'not_found',
  });
  expect(jobs.running()).toBe(0);
});

test('agents and status', async () => {
  expect(await callUnary(client.listAgents.bind(client), {}, as('root'))).toMatchObject({
    agents: [{ name: 'b1', roles: ['build'] }],
  });
  expect(await callUnary(client.createToken.bind(client), { roles: ['build'], uses: 2 }, as('root'))).toEqual({
    token: 't-build-2',
    expiresAt: 5,
    caFingerprint: 'ff00',
  });
  await expect(callUnary(client.approveAgent.bind(client), { name: 'x' }, as('root'))).rejects.toMatchObject({
    code: 'not_found',
    message: 'There is no agent x.',
  });
  expect(await callUnary(client.revokeAgent.bind(client), { name: 'x' }, as('root'))).toMatchObject({
    state: 'revoked',
  });
  expect(await callUnary(client.status.bind(client), {}, as('root'))).toMatchObject({ server: 'mn' });
});
