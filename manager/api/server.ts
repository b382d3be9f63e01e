import type { Duplex } from 'node:stream';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { apiService } from '../../shared/wire/definitions.ts';
import { channelOptions } from '../../shared/wire/limits.ts';
import type { ApiService } from './service.ts';

export interface ApiServer {
  /** Takes a connection of the socket, without TLS. */
  accept(socket: Duplex): void;
  /** No new calls; those under way get the time, in milliseconds, to end. */
  close(grace: number): Promise<void>;
}

/** The API over connections that the listener brings. */
export function openApiServer(service: ApiService): ApiServer {
  const server = new Server({ ...channelOptions, 'grpc.max_connection_idle_ms': 600_000 });
  server.addService(apiService, service.handlers());
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    accept: (socket) => injector.injectConnection(socket),
    close: async (grace) => {
      injector.drain(grace);
      await new Promise<void>((resolve) => {
        const late = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, grace);
        server.tryShutdown(() => {
          clearTimeout(late);
          resolve();
        });
      });
      injector.destroy();
    },
  };
}
