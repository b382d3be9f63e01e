import type { Metadata, ServerDuplexStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { HostlerError } from '../../shared/errors/error.ts';
import { failStream } from '../../shared/wire/call.ts';
import type { ApiHandlers } from '../../shared/wire/generated/hostler/v1/Api.ts';
import type { RunPart__Output } from '../../shared/wire/generated/hostler/v1/RunPart.ts';
import type { RunRequest__Output } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import type { StatusReply } from '../../shared/wire/generated/hostler/v1/StatusReply.ts';
import { toStatus } from '../../shared/wire/status.ts';
import type { FleetAdmin } from '../fleet/types.ts';
import type { JobEvent, Jobs, VerbRequest } from '../jobs/types.ts';
import type { Registry } from '../registry/types.ts';
import { type Caller, permission } from './policy.ts';
import { withRevisions } from './revisions.ts';
import { headOf, streamedInput } from './streamed-input.ts';
import { objectQuery, verbRequest, wireRecord } from './translate.ts';

export interface ApiOptions {
  readonly registry: Registry;
  readonly jobs: Jobs;
  readonly fleet: FleetAdmin;
  readonly log: Logger;
  readonly isSecret: (column: string) => boolean;
  /** Who calls; throws unauthenticated. */
  readonly identify: (metadata: Metadata) => Promise<Caller>;
  /** The user id the manager runs as. */
  readonly owner: number;
  readonly status: () => StatusReply;
}

/** The API: authenticates, authorises, translates, calls. */
export class ApiService {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** For grpc-js `server.addService(apiService, ...)`. */
  handlers(): ApiHandlers {
    const { fleet, jobs, status } = this.#options;
    return {
      Run: this.#stream('', (call: ServerWritableStream<RunRequest__Output, JobEvent>, caller, signal) =>
        this.#perform(this.#accepted(call.request, caller), signal),
      ),
      RunStreamed: this.#stream('', (call: ServerDuplexStream<RunPart__Output, JobEvent>, caller, signal) =>
        this.#runStreamed(call, caller, signal),
      ),
      Follow: this.#stream('jobs', async function* (call, _caller, signal) {
        const { job, position, noWait } = call.request;
        yield* jobs.follow(job, position, !noWait, signal);
      }),
      History: this.#stream('history', (call) => this.#history(call.request)),
      Watch: this.#stream('watch', (call, _caller, signal) => this.#watch(call.request, signal)),
      Cancel: this.#unary('cancel', ({ job }, caller) => this.#cancel(job, caller)),
      ListJobs: this.#unary('jobs', async (query) => ({ jobs: await jobs.list(query) })),
      ShowJob: this.#unary('jobs', ({ id }) => jobs.show(id)),
      ListAgents: this.#unary('agents', async () => ({ agents: fleet.agents() })),
      CreateToken: this.#unary('agents', async (request) => {
        const { token, expiresAt } = await fleet.createToken(request);
        return { token, expiresAt, caFingerprint: fleet.authority };
      }),
      ApproveAgent: this.#unary('agents', ({ name }) => fleet.approve(name)),
      RevokeAgent: this.#unary('agents', ({ name }) => fleet.revoke(name)),
      Status: this.#unary('status', async () => status()),
    };
  }

  /** Throws permission_denied, and invalid_argument for what is no request. */
  #accepted(request: RunRequest__Output, caller: Caller): VerbRequest {
    this.#authorise(caller, request.verb);
    return verbRequest(request, caller.name);
  }

  async *#runStreamed(
    call: ServerDuplexStream<RunPart__Output, JobEvent>,
    caller: Caller,
    signal: AbortSignal,
  ): AsyncGenerator<JobEvent> {
    // The end of the input is not the end of the call: the answer goes the other way.
    const parts = call.iterator({ destroyOnReturn: false }) as AsyncIterator<RunPart__Output, unknown>;
    const accepted = this.#accepted(await headOf(parts), caller);
    yield* this.#perform({ ...accepted, ...(await streamedInput(accepted, parts)) }, signal);
  }

  async *#perform(asked: VerbRequest, signal: AbortSignal): AsyncGenerator<JobEvent> {
    const { jobs, log, registry } = this.#options;
    const { command, correlation, user, plan } = asked;
    log.info({ command, user, correlation, plan }, 'asked');
    const ran = await jobs.run(await withRevisions(asked, registry));
    if (ran.kind === 'ended') yield* ran.events;
    else yield* jobs.follow(ran.id, 0, true, signal);
  }

  async #cancel(job: string, caller: Caller): Promise<{ state: string; message: string }> {
    const { jobs, log } = this.#options;
    const owner = await jobs.owner(job);
    if (owner !== caller.name && this.#permission(caller, 'cancel') !== 'trusted') {
      throw new HostlerError(
        'permission_denied',
        `Job ${job} was started by ${owner}; only ${owner} and administrators may cancel it.`,
      );
    }
    log.info({ job, user: caller.name }, 'cancel asked');
    return jobs.cancel(job, `cancelled by ${caller.name}`);
  }

  async *#history(query: {
    object: string;
    limit: number;
    fromRevision: number;
    toRevision: number;
  }): AsyncGenerator<object> {
    const { registry, isSecret } = this.#options;
    const { object, limit, fromRevision: from, toRevision: to } = query;
    const range = { ...(limit > 0 && { limit }), ...(from > 0 && { from }), ...(to > 0 && { to }) };
    for await (const record of registry.history({ ...objectQuery(object), ...range }))
      yield wireRecord(record, isSecret);
  }

  async *#watch(query: { object: string; fromRevision: number }, signal: AbortSignal): AsyncGenerator<object> {
    const { registry, isSecret } = this.#options;
    const from = query.fromRevision > 0 ? { from: query.fromRevision } : {};
    const records = registry.watch({ ...objectQuery(query.object), ...from }, signal);
    for await (const record of records) yield wireRecord(record, isSecret);
  }

  #permission(caller: Caller, command: string): ReturnType<typeof permission> {
    return permission(this.#options.registry.view, caller, this.#options.owner, command);
  }

  #authorise(caller: Caller, command: string): void {
    if (this.#permission(caller, command) !== 'denied') return;
    this.#options.log.warn({ user: caller.name, command }, 'denied');
    throw new HostlerError(
      'permission_denied',
      `${caller.name} may not run '${command.slice(0, 60)}'. An administrator can allow it with a policy object (mkdef -t policy).`,
    );
  }

  /** Who calls and may; an empty command is authorised by the handler itself. */
  async #admit(metadata: Metadata, command: string): Promise<Caller> {
    const caller = await this.#options.identify(metadata);
    if (command !== '') this.#authorise(caller, command);
    return caller;
  }

  #problem(thrown: unknown, path: string): HostlerError {
    const error = HostlerError.from(thrown);
    if (error.code === 'internal')
      this.#options.log.error({ err: thrown, call: path }, 'A call failed by a fault of ours.');
    return error;
  }

  #unary<Request, Reply>(command: string, handle: (request: Request, caller: Caller) => Promise<Reply>) {
    return (call: ServerUnaryCall<Request, Reply>, callback: sendUnaryData<Reply>): void => {
      this.#admit(call.metadata, command)
        .then((caller) => handle(call.request, caller))
        .then(
          (reply) => callback(null, reply),
          (thrown: unknown) => callback(toStatus(this.#problem(thrown, call.getPath()))),
        );
    };
  }

  #stream<Call extends ServerWritableStream<unknown, Reply> | ServerDuplexStream<unknown, Reply>, Reply>(
    command: string,
    handle: (call: Call, caller: Caller, signal: AbortSignal) => AsyncIterable<Reply>,
  ) {
    return (call: Call): void => {
      const left = new AbortController();
      call.once('cancelled', () => left.abort());
      call.once('close', () => left.abort());
      const answer = async (): Promise<void> => {
        const caller = await this.#admit(call.metadata, command);
        for await (const message of handle(call, caller, left.signal)) {
          if (left.signal.aborted) return;
          if (!call.write(message)) await once(call, 'drain', { signal: left.signal });
        }
        call.end();
      };
      answer().catch((thrown: unknown) => {
        if (left.signal.aborted) return;
        failStream(call, this.#problem(thrown, call.getPath()));
      });
    };
  }
}
