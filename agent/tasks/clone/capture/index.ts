import type { TaskKind } from '../../types.ts';
import { captureDescribe } from './describe.ts';
import { captureReceive } from './receive.ts';
import { captureSend } from './send.ts';

export const captureTasks: readonly TaskKind[] = [captureDescribe, captureSend, captureReceive];
