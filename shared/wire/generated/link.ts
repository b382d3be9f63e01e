import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CancelTask as _hostler_v1_CancelTask, CancelTask__Output as _hostler_v1_CancelTask__Output } from './hostler/v1/CancelTask.ts';
import type { ChannelData as _hostler_v1_ChannelData, ChannelData__Output as _hostler_v1_ChannelData__Output } from './hostler/v1/ChannelData.ts';
import type { Dismiss as _hostler_v1_Dismiss, Dismiss__Output as _hostler_v1_Dismiss__Output } from './hostler/v1/Dismiss.ts';
import type { FactsReport as _hostler_v1_FactsReport, FactsReport__Output as _hostler_v1_FactsReport__Output } from './hostler/v1/FactsReport.ts';
import type { Frame as _hostler_v1_Frame, Frame__Output as _hostler_v1_Frame__Output } from './hostler/v1/Frame.ts';
import type { FromAgent as _hostler_v1_FromAgent, FromAgent__Output as _hostler_v1_FromAgent__Output } from './hostler/v1/FromAgent.ts';
import type { Heartbeat as _hostler_v1_Heartbeat, Heartbeat__Output as _hostler_v1_Heartbeat__Output } from './hostler/v1/Heartbeat.ts';
import type { Hello as _hostler_v1_Hello, Hello__Output as _hostler_v1_Hello__Output } from './hostler/v1/Hello.ts';
import type { KeptReports as _hostler_v1_KeptReports, KeptReports__Output as _hostler_v1_KeptReports__Output } from './hostler/v1/KeptReports.ts';
import type { LinkClient as _hostler_v1_LinkClient, LinkDefinition as _hostler_v1_LinkDefinition } from './hostler/v1/Link.ts';
import type { NodeEvent as _hostler_v1_NodeEvent, NodeEvent__Output as _hostler_v1_NodeEvent__Output } from './hostler/v1/NodeEvent.ts';
import type { OpenTask as _hostler_v1_OpenTask, OpenTask__Output as _hostler_v1_OpenTask__Output } from './hostler/v1/OpenTask.ts';
import type { Pace as _hostler_v1_Pace, Pace__Output as _hostler_v1_Pace__Output } from './hostler/v1/Pace.ts';
import type { Refusal as _hostler_v1_Refusal, Refusal__Output as _hostler_v1_Refusal__Output } from './hostler/v1/Refusal.ts';
import type { Task as _hostler_v1_Task, Task__Output as _hostler_v1_Task__Output } from './hostler/v1/Task.ts';
import type { TaskLog as _hostler_v1_TaskLog, TaskLog__Output as _hostler_v1_TaskLog__Output } from './hostler/v1/TaskLog.ts';
import type { TaskProgress as _hostler_v1_TaskProgress, TaskProgress__Output as _hostler_v1_TaskProgress__Output } from './hostler/v1/TaskProgress.ts';
import type { TaskResult as _hostler_v1_TaskResult, TaskResult__Output as _hostler_v1_TaskResult__Output } from './hostler/v1/TaskResult.ts';
import type { TaskStarted as _hostler_v1_TaskStarted, TaskStarted__Output as _hostler_v1_TaskStarted__Output } from './hostler/v1/TaskStarted.ts';
import type { ToAgent as _hostler_v1_ToAgent, ToAgent__Output as _hostler_v1_ToAgent__Output } from './hostler/v1/ToAgent.ts';
import type { Welcome as _hostler_v1_Welcome, Welcome__Output as _hostler_v1_Welcome__Output } from './hostler/v1/Welcome.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  hostler: {
    v1: {
      CancelTask: MessageTypeDefinition<_hostler_v1_CancelTask, _hostler_v1_CancelTask__Output>
      ChannelData: MessageTypeDefinition<_hostler_v1_ChannelData, _hostler_v1_ChannelData__Output>
      Dismiss: MessageTypeDefinition<_hostler_v1_Dismiss, _hostler_v1_Dismiss__Output>
      FactsReport: MessageTypeDefinition<_hostler_v1_FactsReport, _hostler_v1_FactsReport__Output>
      Frame: MessageTypeDefinition<_hostler_v1_Frame, _hostler_v1_Frame__Output>
      FromAgent: MessageTypeDefinition<_hostler_v1_FromAgent, _hostler_v1_FromAgent__Output>
      Heartbeat: MessageTypeDefinition<_hostler_v1_Heartbeat, _hostler_v1_Heartbeat__Output>
      Hello: MessageTypeDefinition<_hostler_v1_Hello, _hostler_v1_Hello__Output>
      KeptReports: MessageTypeDefinition<_hostler_v1_KeptReports, _hostler_v1_KeptReports__Output>
      Link: SubtypeConstructor<typeof grpc.Client, _hostler_v1_LinkClient> & { service: _hostler_v1_LinkDefinition }
      NodeEvent: MessageTypeDefinition<_hostler_v1_NodeEvent, _hostler_v1_NodeEvent__Output>
      OpenTask: MessageTypeDefinition<_hostler_v1_OpenTask, _hostler_v1_OpenTask__Output>
      Pace: MessageTypeDefinition<_hostler_v1_Pace, _hostler_v1_Pace__Output>
      Refusal: MessageTypeDefinition<_hostler_v1_Refusal, _hostler_v1_Refusal__Output>
      Task: MessageTypeDefinition<_hostler_v1_Task, _hostler_v1_Task__Output>
      TaskLog: MessageTypeDefinition<_hostler_v1_TaskLog, _hostler_v1_TaskLog__Output>
      TaskProgress: MessageTypeDefinition<_hostler_v1_TaskProgress, _hostler_v1_TaskProgress__Output>
      TaskResult: MessageTypeDefinition<_hostler_v1_TaskResult, _hostler_v1_TaskResult__Output>
      TaskStarted: MessageTypeDefinition<_hostler_v1_TaskStarted, _hostler_v1_TaskStarted__Output>
      ToAgent: MessageTypeDefinition<_hostler_v1_ToAgent, _hostler_v1_ToAgent__Output>
      Welcome: MessageTypeDefinition<_hostler_v1_Welcome, _hostler_v1_Welcome__Output>
    }
  }
}

