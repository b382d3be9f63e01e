import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CallOptions,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
  credentials,
} from '@grpc/grpc-js';
import { HostlerError } from '../../shared/errors/error.ts';
import { managerName } from '../../shared/identity/names.ts';
import { checkPeerName } from '../../shared/identity/tls.ts';
import type { ApiClient } from '../../shared/wire/generated/hostler/v1/Api.ts';
import { commandHeader, createProof, proofHeader } from '../../shared/wire/proof.ts';
import { apiClient } from './api-client.ts';
import type { ManagerPlace } from './place.ts';
import { callProblem, nobodyAnswers } from './problem.ts';

/** Seconds for an answer that should come at once. */
const answerSeconds = 60;

type Callback<Reply> = (error: ServiceError | null, value?: Reply) => void;

/** A connection to the manager. Each call carries a proof of its own of who asks. */
export class Manager {
  readonly place: ManagerPlace;
  readonly #client: ApiClient;
  readonly #command: string;

  /** `command`: the command line in short, for job lists and the history. */
  constructor(place: ManagerPlace, command: string) {
    this.place = place;
    this.#command = command;
    if (place.kind === 'socket') {
      if (!existsSync(place.path)) throw nobodyAnswers(place);
      // Servers on a socket see this as the name of the host.
      this.#client = apiClient(`unix:${place.path}`, credentials.createInsecure(), {
        'grpc.default_authority': 'localhost',
      });
    } else {
      this.#client = apiClient(`${place.host}:${String(place.port)}`, remoteCredentials(place.identity), {
        'grpc.ssl_target_name_override': managerName,
        'grpc.default_authority': managerName,
      });
    }
  }

  /** One question, one answer. Throws HostlerError. */
  async ask<Reply>(
    question: (client: ApiClient, metadata: Metadata, options: CallOptions, callback: Callback<Reply>) => unknown,
  ): Promise<Reply> {
    const { metadata, done } = this.#prove();
    try {
      return await new Promise<Reply>((resolve, reject) => {
        question(this.#client, metadata, { deadline: Date.now() + answerSeconds * 1000 }, (error, value) => {
          if (error !== null) reject(callProblem(error, this.place));
          else if (value === undefined) reject(new HostlerError('internal', 'The manager sent an empty answer.'));
          else resolve(value);
        });
      });
    } finally {
      done();
    }
  }

  /**
   * A stream of answers, with back-pressure. What it throws is grpc-js's own error, for callers that tell a broken
   * connection from an answer; callProblem makes a sentence of it. Leaving the loop, or the signal, cancels the call.
   */
  async *stream<Reply>(
    open: (client: ApiClient, metadata: Metadata) => ClientReadableStream<Reply>,
    signal?: AbortSignal,
  ): AsyncGenerator<Reply, void, undefined> {
    const { metadata, done } = this.#prove();
    const call = open(this.#client, metadata);
    const stop = (): void => call.cancel();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for await (const message of call) yield message as Reply;
    } finally {
      signal?.removeEventListener('abort', stop);
      call.cancel();
      done();
    }
  }

  /** As `stream`, while messages go the other way, with back-pressure too. What their source throws is thrown here. */
  async *converse<Message, Reply>(
    open: (client: ApiClient, metadata: Metadata) => ClientDuplexStream<Message, Reply>,
    messages: AsyncIterable<Message>,
    signal?: AbortSignal,
  ): AsyncGenerator<Reply, void, undefined> {
    const ended = new AbortController();
    let trouble: { readonly thrown: unknown } | undefined;
    const openBoth = (client: ApiClient, metadata: Metadata): ClientDuplexStream<Message, Reply> => {
      const call = open(client, metadata);
      send(call, messages, ended.signal).catch((thrown: unknown) => {
        if (ended.signal.aborted) return;
        trouble = { thrown };
        call.cancel();
      });
      return call;
    };
    try {
      yield* this.stream(openBoth, signal);
    } catch (thrown) {
      throw trouble === undefined ? thrown : trouble.thrown;
    } finally {
      // Not waited for: what is to be sent may come from a terminal where nobody types.
      ended.abort();
    }
  }

  close(): void {
    this.#client.close();
  }

  #prove(): { metadata: Metadata; done: () => void } {
    const metadata = new Metadata();
    // Header values are printable ASCII.
    metadata.set(commandHeader, this.#command.replace(/[^ -~]/g, '?'));
    if (this.place.kind === 'remote') return { metadata, done: () => undefined };
    const proof = createProof(this.place.home);
    metadata.set(proofHeader, proof.token);
    return { metadata, done: () => proof.discard() };
  }
}

async function send<Message>(
  call: ClientDuplexStream<Message, unknown>,
  messages: AsyncIterable<Message>,
  ended: AbortSignal,
): Promise<void> {
  for await (const message of messages) {
    if (ended.aborted) return;
    if (!call.write(message)) await once(call, 'drain', { signal: ended });
  }
  call.end();
}

function remoteCredentials(folder: string): ChannelCredentials {
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name));
    } catch (cause) {
      throw new HostlerError(
        'failed_precondition',
        `HOSTLER_MANAGER is set, but ${join(folder, name)} cannot be read. A remote manager is asked with a certificate: ` +
          `put authority.pem, certificate.pem and key.pem into ${folder} (or name another folder with HOSTLER_IDENTITY), ` +
          `or run the command on the manager's machine with HOSTLER_HOME.`,
        { cause },
      );
    }
  };
  return credentials.createSsl(read('authority.pem'), read('key.pem'), read('certificate.pem'), {
    checkServerIdentity: (_host, certificate) => checkPeerName(managerName, certificate),
  });
}
