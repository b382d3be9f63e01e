import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { BootRequest as _hostler_v1_BootRequest, BootRequest__Output as _hostler_v1_BootRequest__Output } from './hostler/v1/BootRequest.ts';
import type { EnrolmentClient as _hostler_v1_EnrolmentClient, EnrolmentDefinition as _hostler_v1_EnrolmentDefinition } from './hostler/v1/Enrolment.ts';
import type { EnrolmentReply as _hostler_v1_EnrolmentReply, EnrolmentReply__Output as _hostler_v1_EnrolmentReply__Output } from './hostler/v1/EnrolmentReply.ts';
import type { JoinRequest as _hostler_v1_JoinRequest, JoinRequest__Output as _hostler_v1_JoinRequest__Output } from './hostler/v1/JoinRequest.ts';
import type { KeyProof as _hostler_v1_KeyProof, KeyProof__Output as _hostler_v1_KeyProof__Output } from './hostler/v1/KeyProof.ts';
import type { LeafAccess as _hostler_v1_LeafAccess, LeafAccess__Output as _hostler_v1_LeafAccess__Output } from './hostler/v1/LeafAccess.ts';
import type { NatsAccess as _hostler_v1_NatsAccess, NatsAccess__Output as _hostler_v1_NatsAccess__Output } from './hostler/v1/NatsAccess.ts';
import type { RenewRequest as _hostler_v1_RenewRequest, RenewRequest__Output as _hostler_v1_RenewRequest__Output } from './hostler/v1/RenewRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  hostler: {
    v1: {
      BootRequest: MessageTypeDefinition<_hostler_v1_BootRequest, _hostler_v1_BootRequest__Output>
      Enrolment: SubtypeConstructor<typeof grpc.Client, _hostler_v1_EnrolmentClient> & { service: _hostler_v1_EnrolmentDefinition }
      EnrolmentReply: MessageTypeDefinition<_hostler_v1_EnrolmentReply, _hostler_v1_EnrolmentReply__Output>
      JoinRequest: MessageTypeDefinition<_hostler_v1_JoinRequest, _hostler_v1_JoinRequest__Output>
      KeyProof: MessageTypeDefinition<_hostler_v1_KeyProof, _hostler_v1_KeyProof__Output>
      LeafAccess: MessageTypeDefinition<_hostler_v1_LeafAccess, _hostler_v1_LeafAccess__Output>
      NatsAccess: MessageTypeDefinition<_hostler_v1_NatsAccess, _hostler_v1_NatsAccess__Output>
      RenewRequest: MessageTypeDefinition<_hostler_v1_RenewRequest, _hostler_v1_RenewRequest__Output>
    }
  }
}

