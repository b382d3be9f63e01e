import { Metadata, Server, ServerCredentials, credentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostlerError, errorCodes } from '../../../../shared/errors/error.ts';
import { callUnary, failStream, streamOf } from '../../../../shared/wire/call.ts';
import { apiService, fromAgentCodec, wire } from '../../../../shared/wire/definitions.ts';
import type { ApiHandlers } from '../../../../shared/wire/generated/hostler/v1/Api.ts';
import type { Event__Output } from '../../../../shared/wire/generated/hostler/v1/Event.ts';
import { fromStatusNumber, toStatus, toStatusNumber } from '../../../../shared/wire/status.ts';

test('every error code has the status number of its gRPC name', () => {
  expect(errorCodes.map(toStatusNumber)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
  for (const code of errorCodes) expect(fromStatusNumber(toStatusNumber(code))).toBe(code);
  expect(fromStatusNumber(99)).toBe('unknown');
});

test('a message comes back from bytes as it was, numbers as numbers and defaults filled in', () => {
  fc.assert(
    fc.property(fc.nat(), fc.maxSafeNat(), fc.uint8Array(), (sequence, offset, text) => {
      const bytes = fromAgentCodec.encode({ sequence, log: { id: 'j.t', offset, text } });
      const back = fromAgentCodec.decode(bytes);
      expect(back).toMatchObject({ sequence, acknowledged: 0, body: 'log', log: { id: 'j.t', offset } });
      expect(new Uint8Array(back.log?.text ?? [])).toEqual(text);
    }),
  );
  expect(() => fromAgentCodec.decode(Buffer.from([0xff, 0xff, 0xff]))).toThrow();
});

describe('over a socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostler-wire-'));
  const server = new Server();
  const client = new wire.Api(`unix:${join(folder, 's')}`, credentials.createInsecure());

  beforeAll(async () => {
    const handlers: Partial<ApiHandlers> = {
      Status: (_call, callback) => {
        callback(null, { server: 'mn', revision: 7 });
      },
      Cancel: (call, callback) => {
        callback(toStatus(new HostlerError('not_found', `There is no job ${call.request.job} – sorry.`)));
      },
      Run: (call) => {
        for (let position = 0; position < 3; position++) call.write({ position, output: { text: 'x\n' } });
        failStream(call, new HostlerError('aborted', 'Enough.'));
      },
    };
    server.addService(apiService, handlers as ApiHandlers);
    await new Promise((resolve, reject) => {
      server.bindAsync(`unix:${join(folder, 's')}`, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  });
  afterAll(() => {
    client.close();
    server.forceShutdown();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a reply has its defaults', async () => {
    const reply = await callUnary(client.status.bind(client), {}, new Metadata());
    expect(reply).toMatchObject({ server: 'mn', revision: 7, home: '', agentsConnected: 0 });
  });

  test('an error keeps its code and its sentence', async () => {
    const call = callUnary(client.cancel.bind(client), { job: '7' }, new Metadata());
    await expect(call).rejects.toMatchObject({ code: 'not_found', message: 'There is no job 7 – sorry.' });
  });

  test('a stream that fails gives what came before, then the error', async () => {
    const seen: number[] = [];
    const all = async (): Promise<void> => {
      for await (const event of streamOf<Event__Output>(client.run({ verb: 'x' }))) seen.push(event.position);
    };
    await expect(all()).rejects.toMatchObject({ code: 'aborted', message: 'Enough.' });
    expect(seen).toEqual([0, 1, 2]);
  });

  test('nobody listening is said with what was tried', async () => {
    const lost = new wire.Api(`unix:${join(folder, 'nobody')}`, credentials.createInsecure());
    const call = callUnary(lost.status.bind(lost), {}, new Metadata(), { what: 'Cannot reach the manager' });
    await expect(call).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^Cannot reach the manager: /) as unknown,
    });
    lost.close();
  });
});
