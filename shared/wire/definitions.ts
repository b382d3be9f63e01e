import { fromJSON, type Deserialize, type Serialize } from '@grpc/proto-loader';
import { loadPackageDefinition } from '@grpc/grpc-js';
import type { ProtoGrpcType as ApiTypes } from './generated/api.ts';
import type { ProtoGrpcType as EnrolmentTypes } from './generated/enrolment.ts';
import type { ProtoGrpcType as KeeperTypes } from './generated/keeper.ts';
import type { ProtoGrpcType as LinkTypes } from './generated/link.ts';
import { descriptor } from './generated/descriptor.ts';

/** The options that the generated types were made with (proto/generate.ts): 64-bit numbers as number, defaults filled in. */
const options = { longs: Number, enums: String, defaults: true, oneofs: true } as const;

const packageDefinition = fromJSON(descriptor, options);

// loadPackageDefinition builds what the generated ProtoGrpcTypes describe; its own return type cannot say so.
const loaded = loadPackageDefinition(packageDefinition) as unknown as ApiTypes &
  EnrolmentTypes &
  KeeperTypes &
  LinkTypes;

/** Client constructors (each with its `service` definition for servers) and message types, as the .proto files name them. */
export const wire = loaded.hostler.v1;

export const apiService = wire.Api.service;
export const enrolmentService = wire.Enrolment.service;
export const keeperService = wire.Keeper.service;
export const linkService = wire.Link.service;

/** Message to bytes and back, for carriers that are not gRPC. */
export interface Codec<Input, Output> {
  readonly encode: Serialize<Input>;
  /** Throws when the bytes are not such a message. */
  readonly decode: Deserialize<Output>;
}

function codec<Input, Output>(type: {
  readonly serialize: Serialize<Input>;
  readonly deserialize: Deserialize<Output>;
}): Codec<Input, Output> {
  return { encode: type.serialize, decode: type.deserialize };
}

export const fromAgentCodec = codec(wire.FromAgent);
export const toAgentCodec = codec(wire.ToAgent);
export const frameCodec = codec(wire.Frame);
export const keptReportsCodec = codec(wire.KeptReports);
export const keptPieceCodec = codec(wire.KeptPiece);
