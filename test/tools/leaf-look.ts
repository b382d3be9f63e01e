import { Authority } from '../../manager/fleet/authority/authority.ts';
import { NatsAuthority } from '../../manager/fleet/authority/nats-authority.ts';
import { connectBroker } from '../../shared/broker/connection.ts';
import { keptReportsCodec } from '../../shared/wire/definitions.ts';

/*
 * `leaf-look.ts HOME RELAY HOST:PORT` asks the nats-server of a relay's leaf node itself, with keys from the manager's home,
 * what it keeps and who is connected, and prints it as JSON. For namespaces that the test's own process cannot reach.
 */

/** What is printed. */
export interface LeafLook {
  /** What the stream holds, in its order: the numbers of the agent's messages, and the tasks whose results are among them. */
  readonly pieces: readonly {
    readonly subject: string;
    readonly sequences: readonly number[];
    readonly results: readonly string[];
  }[];
  /** Clients that are agents: one that came back has another number. */
  readonly connections: readonly { readonly name: string; readonly cid: number }[];
  /** Connections to the broker at the hub. */
  readonly toHub: number;
}

interface ConnectionsAnswer {
  readonly data?: { readonly connections?: readonly { readonly cid: number; readonly name_tag?: string }[] };
}
interface VariablesAnswer {
  readonly data?: { readonly leafnodes?: number };
}

const [home = '', relay = '', address = ''] = process.argv.slice(2);
const authority = await NatsAuthority.open(`${home}/authority`);
const tls = await (await Authority.open(`${home}/authority`)).issueManager();
const account = await authority.makeRelay(relay);
const client = await connectBroker({ ...(await account.managerLogin([address], tls)), relay });
const system = await connectBroker({ ...(await authority.systemLogin([address], tls)), relay });

const streams = (await client.jetstreamManager()).streams;
const { first_seq: first, last_seq: last } = (await streams.info('HOSTLER_REPORTS')).state;
const pieces: LeafLook['pieces'][number][] = [];
for (let seq = Math.max(first, 1); seq <= last; seq++) {
  const piece = await streams.getMessage('HOSTLER_REPORTS', { seq }).catch(() => undefined);
  if (piece === undefined) continue;
  const { messages } = keptReportsCodec.decode(Buffer.from(piece.data));
  pieces.push({
    subject: piece.subject,
    sequences: messages.map(({ sequence }) => sequence),
    results: messages.flatMap(({ result }) => (result ? [result.id] : [])),
  });
}
const ask = async <Answer>(subject: string, body: object): Promise<Answer> =>
  JSON.parse(Buffer.from((await system.request(subject, JSON.stringify(body))).data).toString()) as Answer;
const { data: connz } = await ask<ConnectionsAnswer>('$SYS.REQ.SERVER.PING.CONNZ', { auth: true });
const { data: varz } = await ask<VariablesAnswer>('$SYS.REQ.SERVER.PING.VARZ', {});
const connections = (connz?.connections ?? []).map(({ cid, name_tag: name = '' }) => ({ cid, name }));
const look: LeafLook = {
  pieces,
  connections: connections.filter(({ name }) => name !== '' && name !== 'manager'),
  toHub: varz?.leafnodes ?? -1,
};
process.stdout.write(`${JSON.stringify(look)}\n`);
await client.close();
await system.close();
