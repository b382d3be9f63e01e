import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { apiService } from '../../shared/wire/definitions.ts';
import type { Event } from '../../shared/wire/generated/hostler/v1/Event.ts';
import type { FollowRequest__Output } from '../../shared/wire/generated/hostler/v1/FollowRequest.ts';
import type { RunRequest__Output } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import { channelOptions } from '../../shared/wire/limits.ts';
import { proofFolder } from '../../shared/wire/proof.ts';

export type RunCall = ServerWritableStream<RunRequest__Output, Event>;
export type FollowCall = ServerWritableStream<FollowRequest__Output, Event>;

export interface FakeAnswers {
  readonly run?: (call: RunCall) => void;
  readonly follow?: (call: FollowCall) => void;
}

/** A home with a socket that answers as told; the other methods are unimplemented. Stopping keeps the home. */
export class FakeManager {
  readonly home = mkdtempSync(join(tmpdir(), 'hostler-fake-'));
  #server: Server | undefined;

  async start(answers: FakeAnswers): Promise<void> {
    mkdirSync(proofFolder(this.home), { recursive: true });
    const server = new Server(channelOptions);
    server.addService(apiService, {
      ...(answers.run && { run: answers.run }),
      ...(answers.follow && { follow: answers.follow }),
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${join(this.home, 'manager.sock')}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    this.#server = server;
  }

  /** As kill -9 does it: connections break, the socket file stays unless `unlink`. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    rmSync(join(this.home, 'manager.sock'), { force: true });
  }

  dispose(): void {
    this.kill();
    rmSync(this.home, { recursive: true, force: true });
  }
}
