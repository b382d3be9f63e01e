import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Handed as _hostler_v1_Handed, Handed__Output as _hostler_v1_Handed__Output } from './hostler/v1/Handed.ts';
import type { KeeperClient as _hostler_v1_KeeperClient, KeeperDefinition as _hostler_v1_KeeperDefinition } from './hostler/v1/Keeper.ts';
import type { KeptPiece as _hostler_v1_KeptPiece, KeptPiece__Output as _hostler_v1_KeptPiece__Output } from './hostler/v1/KeptPiece.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  hostler: {
    v1: {
      Handed: MessageTypeDefinition<_hostler_v1_Handed, _hostler_v1_Handed__Output>
      Keeper: SubtypeConstructor<typeof grpc.Client, _hostler_v1_KeeperClient> & { service: _hostler_v1_KeeperDefinition }
      KeptPiece: MessageTypeDefinition<_hostler_v1_KeptPiece, _hostler_v1_KeptPiece__Output>
    }
  }
}

