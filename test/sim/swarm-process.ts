import { type Swarm, startSwarm } from './swarm.ts';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { natsCarrier } from '../../agent/link/nats.ts';

/** What a swarm's process is told over the channel of child_process; answered like manager-process.ts does. */
export type SwarmAsk =
  | {
      readonly ask: 'start';
      readonly manager: string;
      /** Absent: gRPC. HOST:PORT each. */
      readonly brokers?: readonly string[];
      readonly identities: readonly Identity[];
    }
  | { readonly ask: 'report'; readonly count: number; readonly seconds: number }
  | { readonly ask: 'state' | 'stop' };

export interface SwarmState {
  readonly connected: number;
  readonly begun: number;
  readonly troubles: number;
}

let swarm: Swarm | undefined;

async function answer(asked: SwarmAsk): Promise<unknown> {
  switch (asked.ask) {
    case 'start': {
      const { manager, identities, brokers } = asked;
      swarm = await startSwarm({
        manager,
        identities,
        ...(brokers !== undefined && {
          carrier: (identity: Identity) => natsCarrier({ servers: () => brokers, identity: () => identity }),
        }),
      });
      return identities.length;
    }
    case 'report':
      await swarm?.report(asked.count, AbortSignal.timeout(asked.seconds * 1000));
      return asked.count;
    case 'state':
      return { connected: swarm?.connected() ?? 0, begun: swarm?.begun() ?? 0, troubles: swarm?.troubles() ?? 0 };
    case 'stop':
      await swarm?.stop();
      swarm = undefined;
      return 'stopped';
  }
}

process.on('message', (message: SwarmAsk & { readonly number: number }) => {
  const { number } = message;
  answer(message).then(
    (value) => process.send?.({ number, value }),
    (error: unknown) => process.send?.({ number, error: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
process.send?.({ number: 0, value: {} });
