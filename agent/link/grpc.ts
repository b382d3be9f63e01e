import { streamDuplex } from '../../shared/session/stream-duplex.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';
import { wire } from '../../shared/wire/definitions.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { clientOptions, grpcTarget, mutualCredentials } from './grpc-client.ts';
import type { Carrier } from './link.ts';

/** How long the manager may take to end a call that this side ended, in milliseconds. */
const goodbye = 5_000;

/** The link over gRPC: one bidirectional stream over mutual TLS. A new channel for each attempt; the link does the waiting. */
export function grpcCarrier(address: string, identity: () => TlsIdentity): Carrier {
  const target = grpcTarget(address);
  return () => {
    const client = new wire.Link(target, mutualCredentials(identity()), clientOptions);
    const call = client.Connect();
    call.once('status', () => client.close());
    return streamDuplex<ToAgent__Output, FromAgent>(
      call,
      (reason) => {
        if (reason !== undefined) {
          call.cancel();
          return;
        }
        call.end();
        const tooLate = setTimeout(() => call.cancel(), goodbye);
        call.once('status', () => clearTimeout(tooLate));
      },
      `Cannot reach the manager at ${address}`,
    );
  };
}
