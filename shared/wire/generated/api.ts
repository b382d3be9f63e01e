import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AgentName as _hostler_v1_AgentName, AgentName__Output as _hostler_v1_AgentName__Output } from './hostler/v1/AgentName.ts';
import type { AgentSummary as _hostler_v1_AgentSummary, AgentSummary__Output as _hostler_v1_AgentSummary__Output } from './hostler/v1/AgentSummary.ts';
import type { ApiClient as _hostler_v1_ApiClient, ApiDefinition as _hostler_v1_ApiDefinition } from './hostler/v1/Api.ts';
import type { CancelReply as _hostler_v1_CancelReply, CancelReply__Output as _hostler_v1_CancelReply__Output } from './hostler/v1/CancelReply.ts';
import type { CancelRequest as _hostler_v1_CancelRequest, CancelRequest__Output as _hostler_v1_CancelRequest__Output } from './hostler/v1/CancelRequest.ts';
import type { CreateTokenReply as _hostler_v1_CreateTokenReply, CreateTokenReply__Output as _hostler_v1_CreateTokenReply__Output } from './hostler/v1/CreateTokenReply.ts';
import type { CreateTokenRequest as _hostler_v1_CreateTokenRequest, CreateTokenRequest__Output as _hostler_v1_CreateTokenRequest__Output } from './hostler/v1/CreateTokenRequest.ts';
import type { Data as _hostler_v1_Data, Data__Output as _hostler_v1_Data__Output } from './hostler/v1/Data.ts';
import type { Event as _hostler_v1_Event, Event__Output as _hostler_v1_Event__Output } from './hostler/v1/Event.ts';
import type { Finished as _hostler_v1_Finished, Finished__Output as _hostler_v1_Finished__Output } from './hostler/v1/Finished.ts';
import type { FollowRequest as _hostler_v1_FollowRequest, FollowRequest__Output as _hostler_v1_FollowRequest__Output } from './hostler/v1/FollowRequest.ts';
import type { HistoryRequest as _hostler_v1_HistoryRequest, HistoryRequest__Output as _hostler_v1_HistoryRequest__Output } from './hostler/v1/HistoryRequest.ts';
import type { JobDetail as _hostler_v1_JobDetail, JobDetail__Output as _hostler_v1_JobDetail__Output } from './hostler/v1/JobDetail.ts';
import type { JobStarted as _hostler_v1_JobStarted, JobStarted__Output as _hostler_v1_JobStarted__Output } from './hostler/v1/JobStarted.ts';
import type { JobSummary as _hostler_v1_JobSummary, JobSummary__Output as _hostler_v1_JobSummary__Output } from './hostler/v1/JobSummary.ts';
import type { ListAgentsReply as _hostler_v1_ListAgentsReply, ListAgentsReply__Output as _hostler_v1_ListAgentsReply__Output } from './hostler/v1/ListAgentsReply.ts';
import type { ListAgentsRequest as _hostler_v1_ListAgentsRequest, ListAgentsRequest__Output as _hostler_v1_ListAgentsRequest__Output } from './hostler/v1/ListAgentsRequest.ts';
import type { ListJobsReply as _hostler_v1_ListJobsReply, ListJobsReply__Output as _hostler_v1_ListJobsReply__Output } from './hostler/v1/ListJobsReply.ts';
import type { ListJobsRequest as _hostler_v1_ListJobsRequest, ListJobsRequest__Output as _hostler_v1_ListJobsRequest__Output } from './hostler/v1/ListJobsRequest.ts';
import type { LogText as _hostler_v1_LogText, LogText__Output as _hostler_v1_LogText__Output } from './hostler/v1/LogText.ts';
import type { ObjectChange as _hostler_v1_ObjectChange, ObjectChange__Output as _hostler_v1_ObjectChange__Output } from './hostler/v1/ObjectChange.ts';
import type { OptionValues as _hostler_v1_OptionValues, OptionValues__Output as _hostler_v1_OptionValues__Output } from './hostler/v1/OptionValues.ts';
import type { Output as _hostler_v1_Output, Output__Output as _hostler_v1_Output__Output } from './hostler/v1/Output.ts';
import type { Progress as _hostler_v1_Progress, Progress__Output as _hostler_v1_Progress__Output } from './hostler/v1/Progress.ts';
import type { RevisionRecord as _hostler_v1_RevisionRecord, RevisionRecord__Output as _hostler_v1_RevisionRecord__Output } from './hostler/v1/RevisionRecord.ts';
import type { RunPart as _hostler_v1_RunPart, RunPart__Output as _hostler_v1_RunPart__Output } from './hostler/v1/RunPart.ts';
import type { RunRequest as _hostler_v1_RunRequest, RunRequest__Output as _hostler_v1_RunRequest__Output } from './hostler/v1/RunRequest.ts';
import type { ShowJobRequest as _hostler_v1_ShowJobRequest, ShowJobRequest__Output as _hostler_v1_ShowJobRequest__Output } from './hostler/v1/ShowJobRequest.ts';
import type { StatusReply as _hostler_v1_StatusReply, StatusReply__Output as _hostler_v1_StatusReply__Output } from './hostler/v1/StatusReply.ts';
import type { StatusRequest as _hostler_v1_StatusRequest, StatusRequest__Output as _hostler_v1_StatusRequest__Output } from './hostler/v1/StatusRequest.ts';
import type { StepChange as _hostler_v1_StepChange, StepChange__Output as _hostler_v1_StepChange__Output } from './hostler/v1/StepChange.ts';
import type { StepDetail as _hostler_v1_StepDetail, StepDetail__Output as _hostler_v1_StepDetail__Output } from './hostler/v1/StepDetail.ts';
import type { ValueChange as _hostler_v1_ValueChange, ValueChange__Output as _hostler_v1_ValueChange__Output } from './hostler/v1/ValueChange.ts';
import type { WatchRequest as _hostler_v1_WatchRequest, WatchRequest__Output as _hostler_v1_WatchRequest__Output } from './hostler/v1/WatchRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  hostler: {
    v1: {
      AgentName: MessageTypeDefinition<_hostler_v1_AgentName, _hostler_v1_AgentName__Output>
      AgentSummary: MessageTypeDefinition<_hostler_v1_AgentSummary, _hostler_v1_AgentSummary__Output>
      Api: SubtypeConstructor<typeof grpc.Client, _hostler_v1_ApiClient> & { service: _hostler_v1_ApiDefinition }
      CancelReply: MessageTypeDefinition<_hostler_v1_CancelReply, _hostler_v1_CancelReply__Output>
      CancelRequest: MessageTypeDefinition<_hostler_v1_CancelRequest, _hostler_v1_CancelRequest__Output>
      CreateTokenReply: MessageTypeDefinition<_hostler_v1_CreateTokenReply, _hostler_v1_CreateTokenReply__Output>
      CreateTokenRequest: MessageTypeDefinition<_hostler_v1_CreateTokenRequest, _hostler_v1_CreateTokenRequest__Output>
      Data: MessageTypeDefinition<_hostler_v1_Data, _hostler_v1_Data__Output>
      Event: MessageTypeDefinition<_hostler_v1_Event, _hostler_v1_Event__Output>
      Finished: MessageTypeDefinition<_hostler_v1_Finished, _hostler_v1_Finished__Output>
      FollowRequest: MessageTypeDefinition<_hostler_v1_FollowRequest, _hostler_v1_FollowRequest__Output>
      HistoryRequest: MessageTypeDefinition<_hostler_v1_HistoryRequest, _hostler_v1_HistoryRequest__Output>
      JobDetail: MessageTypeDefinition<_hostler_v1_JobDetail, _hostler_v1_JobDetail__Output>
      JobStarted: MessageTypeDefinition<_hostler_v1_JobStarted, _hostler_v1_JobStarted__Output>
      JobSummary: MessageTypeDefinition<_hostler_v1_JobSummary, _hostler_v1_JobSummary__Output>
      ListAgentsReply: MessageTypeDefinition<_hostler_v1_ListAgentsReply, _hostler_v1_ListAgentsReply__Output>
      ListAgentsRequest: MessageTypeDefinition<_hostler_v1_ListAgentsRequest, _hostler_v1_ListAgentsRequest__Output>
      ListJobsReply: MessageTypeDefinition<_hostler_v1_ListJobsReply, _hostler_v1_ListJobsReply__Output>
      ListJobsRequest: MessageTypeDefinition<_hostler_v1_ListJobsRequest, _hostler_v1_ListJobsRequest__Output>
      LogText: MessageTypeDefinition<_hostler_v1_LogText, _hostler_v1_LogText__Output>
      ObjectChange: MessageTypeDefinition<_hostler_v1_ObjectChange, _hostler_v1_ObjectChange__Output>
      OptionValues: MessageTypeDefinition<_hostler_v1_OptionValues, _hostler_v1_OptionValues__Output>
      Output: MessageTypeDefinition<_hostler_v1_Output, _hostler_v1_Output__Output>
      Progress: MessageTypeDefinition<_hostler_v1_Progress, _hostler_v1_Progress__Output>
      RevisionRecord: MessageTypeDefinition<_hostler_v1_RevisionRecord, _hostler_v1_RevisionRecord__Output>
      RunPart: MessageTypeDefinition<_hostler_v1_RunPart, _hostler_v1_RunPart__Output>
      RunRequest: MessageTypeDefinition<_hostler_v1_RunRequest, _hostler_v1_RunRequest__Output>
      ShowJobRequest: MessageTypeDefinition<_hostler_v1_ShowJobRequest, _hostler_v1_ShowJobRequest__Output>
      StatusReply: MessageTypeDefinition<_hostler_v1_StatusReply, _hostler_v1_StatusReply__Output>
      StatusRequest: MessageTypeDefinition<_hostler_v1_StatusRequest, _hostler_v1_StatusRequest__Output>
      StepChange: MessageTypeDefinition<_hostler_v1_StepChange, _hostler_v1_StepChange__Output>
      StepDetail: MessageTypeDefinition<_hostler_v1_StepDetail, _hostler_v1_StepDetail__Output>
      ValueChange: MessageTypeDefinition<_hostler_v1_ValueChange, _hostler_v1_ValueChange__Output>
      WatchRequest: MessageTypeDefinition<_hostler_v1_WatchRequest, _hostler_v1_WatchRequest__Output>
    }
  }
}

