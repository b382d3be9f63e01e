import { createSecureContext } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { HostlerError } from '../../shared/errors/error.ts';
import { managerName } from '../../shared/identity/names.ts';
import { type TlsIdentity, anonymousTlsOptionsFor, tlsOptionsFor } from '../../shared/identity/tls.ts';
import { longestMessage } from '../../shared/session/limits.ts';

/** Room for the numbers around a message of the longest kind. */
const envelope = 1024;

/** Options of every gRPC client of the agent. */
export const clientOptions: ChannelOptions = {
  'grpc.max_receive_message_length': longestMessage + envelope,
  'grpc.max_send_message_length': longestMessage + envelope,
  // The manager is known by its certificate's name, whatever address it is reached at.
  'grpc.ssl_target_name_override': managerName,
  'grpc.default_authority': managerName,
  // A web proxy from the environment has no place between agent and manager.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** `HOST:PORT` or `unix:PATH`, checked, as gRPC takes it. */
export function grpcTarget(address: string): string {
  if (/^unix:.+/.test(address)) return address;
  if (/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(address)) return `dns:${address}`;
  throw new HostlerError('invalid_argument', `'${address}' is no manager address: give HOST:PORT or unix:PATH.`);
}

export function mutualCredentials(identity: TlsIdentity): ChannelCredentials {
  const { checkServerIdentity, key, cert, ca, minVersion } = tlsOptionsFor(identity, managerName);
  return credentials.createFromSecureContext(createSecureContext({ key, cert, ca, minVersion }), {
    checkServerIdentity,
  });
}

/** For an agent that has no certificate yet. */
export function anonymousCredentials(authority: string): ChannelCredentials {
  const { checkServerIdentity, ca, minVersion } = anonymousTlsOptionsFor(authority, managerName);
  return credentials.createFromSecureContext(createSecureContext({ ca, minVersion }), { checkServerIdentity });
}
