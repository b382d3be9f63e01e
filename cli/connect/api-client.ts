import { type ChannelCredentials, type ServiceDefinition, makeClientConstructor } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import type { ApiClient } from '../../shared/wire/generated/hostler/v1/Api.ts';
import { descriptor } from '../../shared/wire/generated/descriptor.ts';
import { channelOptions } from '../../shared/wire/limits.ts';

/*
 * The Api client, made by hand from the descriptor. shared/wire/definitions.ts does the same for every message there
 * is; that costs 40 ms, and a command has less than that to spare (ARCHITECTURE.md, section 8).
 */

/** As shared/wire/definitions.ts has them: the generated types rely on these. */
const asObject = { longs: Number, enums: String, defaults: true, oneofs: true } as const;

function definition(): ServiceDefinition {
  const root = protobuf.Root.fromJSON(descriptor);
  const service = root.lookupService('hostler.v1.Api');
  const methods = service.methodsArray.map((method) => {
    // Looked up at the first message: a command speaks two of these types, not forty.
    const request = (): protobuf.Type => service.lookupType(method.requestType);
    const reply = (): protobuf.Type => service.lookupType(method.responseType);
    return [
      method.name,
      {
        path: `/hostler.v1.Api/${method.name}`,
        requestStream: method.requestStream ?? false,
        responseStream: method.responseStream ?? false,
        requestSerialize: (message: object) => bytes(request(), message),
        requestDeserialize: (data: Buffer) => request().toObject(request().decode(data), asObject),
        responseSerialize: (message: object) => bytes(reply(), message),
        responseDeserialize: (data: Buffer) => reply().toObject(reply().decode(data), asObject),
        originalName: method.name.charAt(0).toLowerCase() + method.name.slice(1),
      },
    ];
  });
  return Object.fromEntries(methods) as ServiceDefinition;
}

function bytes(type: protobuf.Type, message: object): Buffer {
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

/** `address`: `unix:PATH` or HOST:PORT. */
export function apiClient(
  address: string,
  credentials: ChannelCredentials,
  options: Record<string, string> = {},
): ApiClient {
  const Client = makeClientConstructor(definition(), 'hostler.v1.Api');
  // Made from the same descriptor as the type; makeClientConstructor cannot know.
  return new Client(address, credentials, { ...channelOptions, ...options }) as unknown as ApiClient;
}
