import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { grpcCarrier } from '../../agent/link/grpc.ts';
import type { Carrier } from '../../agent/link/link.ts';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { openGrpcLink } from '../../manager/fleet/links/grpc.ts';
import { openListener } from '../../manager/fleet/listener.ts';
import type { Duplex } from '../../shared/session/duplex.ts';
import { type MemoryLink, memoryLink } from '../../shared/session/memory.ts';
import { fromAgentCodec, wire } from '../../shared/wire/definitions.ts';
import type { FromAgent, FromAgent__Output } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent, ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { clientOptions, mutualCredentials } from '../../agent/link/grpc-client.ts';
import { Metadata } from '@grpc/grpc-js';
import { type LogLine, type SimManager, collectLog } from '../sim/manager.ts';

type AgentEnd = Duplex<ToAgent__Output, FromAgent>;
export type ManagerEnd = Duplex<FromAgent__Output, ToAgent>;

/** One way for agents to reach a manager, with the means to do it harm. */
export interface Wiring {
  readonly carrier: Carrier;
  /** Everything that is open breaks at once. */
  cut(): void;
  /** While false, nobody gets through. */
  passable: boolean;
  /** Bytes that are no message, in the place of a hello. Resolves when the connection was ended for it. */
  garbage(): Promise<void>;
  /** After a hello, a message of 8 MB, as only a program that is not ours sends it. Resolves when the connection was ended for it. */
  oversized(): Promise<void>;
  /** Two ends with no session on them. */
  bare(): Promise<{ agent: AgentEnd; manager: ManagerEnd }>;
  close(): Promise<void>;
}

export interface Backend {
  readonly name: string;
  wire(manager: SimManager, identity: Identity, folder: string): Promise<Wiring>;
}

export const memory: Backend = {
  name: 'memory',
  async wire(manager, identity) {
    const open = new Set<MemoryLink>();
    const wiring: Wiring = {
      passable: true,
      carrier: () => {
        const link = memoryLink();
        open.add(link);
        if (!wiring.passable) link.cut();
        else void manager.fleet.serve(link.manager, identity, 'memory').finally(() => open.delete(link));
        return link.agent;
      },
      cut: () => {
        for (const link of open) link.cut();
        open.clear();
      },
      async garbage() {
        const link = memoryLink();
        link.inject(Buffer.from('ffffffffff', 'hex'));
        await manager.fleet.serve(link.manager, identity, 'memory');
      },
      async oversized() {
        const link = memoryLink();
        link.inject(Buffer.from(fromAgentCodec.encode({ hello: strangeHello })));
        link.inject(oversizedMessage());
        await manager.fleet.serve(link.manager, identity, 'memory');
      },
      async bare() {
        const { agent, manager: other } = memoryLink();
        return { agent, manager: other };
      },
      close: async () => wiring.cut(),
    };
    return wiring;
  },
};

/** Over mutual TLS, through a relay that can be cut. */
export const grpc: Backend = {
  name: 'gRPC',
  async wire(manager, identity, folder) {
    const relay = await openRelay({ path: join(folder, 'relay.sock') }, { path: manager.socketPath });
    const { address } = relay;
    const bareDoors: (() => Promise<void>)[] = [];
    return {
      get passable() {
        return relay.passable;
      },
      set passable(value: boolean) {
        relay.passable = value;
      },
      carrier: grpcCarrier(address, () => identity),
      cut: () => relay.cut(),
      garbage: () => sendRaw(address, identity, [Buffer.from('ffffffffff', 'hex')]),
      oversized: () =>
        sendRaw(address, identity, [Buffer.from(fromAgentCodec.encode({ hello: strangeHello })), oversizedMessage()]),
      async bare() {
        const door = await bareDoor(manager, join(folder, `bare${bareDoors.length}.sock`));
        bareDoors.push(door.close);
        const agent = await grpcCarrier(`unix:${door.path}`, () => identity)(new AbortController().signal);
        // A call begins with its first message.
        await agent.send({});
        return { agent, manager: await door.arrived };
      },
      async close() {
        await relay.close();
        for (const close of bareDoors) await close();
      },
    };
  },
};

type Door = { readonly path: string } | { readonly host: string; readonly port: number };

/** Between agents and whoever they talk with: can be cut. */
export async function openRelay(at: Door, target: Door) {
  const open = new Set<Socket>();
  const relay = {
    address: '',
    passable: true,
    cut(): void {
      for (const socket of open) socket.destroy();
    },
    close: (): Promise<void> => {
      relay.cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  const server = createServer((near) => {
    if (!relay.passable) {
      near.destroy();
      return;
    }
    const far = connect(target);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  const bound = server.address();
  relay.address = typeof bound === 'object' ? `127.0.0.1:${bound?.port ?? 0}` : `unix:${bound}`;
  return relay;
}

/** The hello of a program that is an agent by its certificate alone. */
export const strangeHello = {
  protocolLowest: 1,
  protocolHighest: 1,
  version: '0',
  incarnation: 'strange',
  facts: '{"arch":"x86_64"}',
  taskKinds: {},
};

export function oversizedMessage(): Buffer {
  return Buffer.from(fromAgentCodec.encode({ sequence: 1, facts: { facts: 'x'.repeat(8 * 1024 * 1024) } }));
}

function sendRaw(address: string, identity: Identity, messages: readonly Buffer[]): Promise<void> {
  const unlimited = { ...clientOptions, 'grpc.max_send_message_length': -1 };
  const client = new wire.Link(address, mutualCredentials(identity), unlimited);
  const asIs = (bytes: Buffer): Buffer => bytes;
  const call = client.makeBidiStreamRequest('/hostler.v1.Link/Connect', asIs, asIs, new Metadata());
  return new Promise((resolve) => {
    const done = (): void => {
      client.close();
      resolve();
    };
    call.on('data', () => undefined);
    call.on('error', done);
    call.on('end', done);
    for (const message of messages) call.write(message);
  });
}

async function bareDoor(manager: SimManager, path: string) {
  const lines: LogLine[] = [];
  const log = collectLog(lines);
  let arrive: (end: ManagerEnd) => void = () => undefined;
  const arrived = new Promise<ManagerEnd>((resolve) => (arrive = resolve));
  const serve = (end: ManagerEnd): Promise<void> => {
    arrive(end);
    return new Promise(() => undefined);
  };
  const { enrolment, authority } = manager.fleet;
  const link = openGrpcLink({ serve, enrolment, authority, kept: () => Promise.resolve(true) }, log);
  const listening = await openListener(
    { socketPath: path },
    {
      identity: () => manager.fleet.authority.issueManager(),
      onTls: (socket) => link.accept(socket),
      onPlain: (socket) => socket.destroy(),
      log,
    },
  );
  return {
    path,
    arrived,
    close: async (): Promise<void> => {
      await listening.close();
      link.close();
    },
  };
}
