import { isErrorCode } from '../../shared/errors/error.ts';
import type { ErrorCode } from '../../shared/errors/error.ts';
import type { Json } from '../../shared/verb/effect.ts';

/*
 * The files of a task's folder, `DIR/spool/<task>/`. Times are milliseconds since the epoch.
 *
 *   spec.json      written before the task is acknowledged
 *   start.json     by the task's process, once for ever: who has it runs the task
 *   log            what the task says, raw text
 *   events.ndjson  its progress, one JSON object a line
 *   heartbeat      touched every second while the process lives
 *   cancel.json    somebody wants it stopped, and why
 *   children/      process groups it started (shared/process/children.ts)
 *   result.json    by rename, once
 *   told.json      what the manager was told durably
 *   reserve        room for the result on a full disk
 */

export interface SpecRecord {
  readonly id: string;
  readonly kind: string;
  readonly kindVersion: number;
  readonly spec: Json;
  /** Absent: none. */
  readonly deadlineAt?: number;
  readonly uninterruptible: boolean;
  readonly correlation: string;
  readonly title: string;
  readonly acceptedAt: number;
  readonly incarnation: string;
  readonly home: string;
  readonly installDir: string;
  readonly tftpDir: string;
}

export interface StartRecord {
  readonly pid: number;
  /** See shared/process/alive.ts. */
  readonly startTime: string;
  readonly startedAt: number;
}

export interface CancelRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly at: number;
}

export interface ResultRecord {
  readonly outcome: 'done' | 'failed' | 'cancelled';
  readonly result?: Json;
  readonly code?: ErrorCode;
  readonly message?: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface ToldRecord {
  /** TaskStarted is in the outbox. */
  readonly started: boolean;
  /** Sequence of the TaskResult in the outbox. */
  readonly result?: number;
}

export interface ProgressRecord {
  readonly stage: string;
  readonly text: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

type Fields = Readonly<Record<string, unknown>>;

export function isSpec(value: unknown): value is SpecRecord {
  if (!isObject(value)) return false;
  const strings = ['id', 'kind', 'correlation', 'title', 'incarnation', 'home', 'installDir', 'tftpDir'];
  return (
    strings.every((name) => typeof value[name] === 'string') &&
    ['kindVersion', 'acceptedAt'].every((name) => typeof value[name] === 'number') &&
    (value['deadlineAt'] === undefined || typeof value['deadlineAt'] === 'number') &&
    typeof value['uninterruptible'] === 'boolean' &&
    'spec' in value
  );
}

export function isStart(value: unknown): value is StartRecord {
  return (
    isObject(value) && positive(value['pid']) && typeof value['startTime'] === 'string' && number(value['startedAt'])
  );
}

export function isCancel(value: unknown): value is CancelRecord {
  return isObject(value) && code(value['code']) && typeof value['message'] === 'string' && number(value['at']);
}

export function isResult(value: unknown): value is ResultRecord {
  if (!isObject(value) || !number(value['startedAt']) || !number(value['endedAt'])) return false;
  if (value['outcome'] === 'done') return true;
  if (value['outcome'] !== 'failed' && value['outcome'] !== 'cancelled') return false;
  return code(value['code']) && typeof value['message'] === 'string';
}

export function isTold(value: unknown): value is ToldRecord {
  return (
    isObject(value) &&
    typeof value['started'] === 'boolean' &&
    (value['result'] === undefined || number(value['result']))
  );
}

export function isProgress(value: unknown): value is ProgressRecord {
  return (
    isObject(value) &&
    ['stage', 'text', 'unit'].every((name) => typeof value[name] === 'string') &&
    number(value['done']) &&
    number(value['total'])
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function number(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function positive(value: unknown): value is number {
  return number(value) && Number.isSafeInteger(value) && value > 0;
}

function code(value: unknown): value is ErrorCode {
  return typeof value === 'string' && isErrorCode(value);
}
