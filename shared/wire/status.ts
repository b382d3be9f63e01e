import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type ErrorCode, HostlerError, errorCodes } from '../errors/error.ts';

const numbers: Readonly<Record<ErrorCode, status>> = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalid_argument: status.INVALID_ARGUMENT,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  permission_denied: status.PERMISSION_DENIED,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  failed_precondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  out_of_range: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  unauthenticated: status.UNAUTHENTICATED,
};

/** Status messages travel as an HTTP/2 trailer, where peers refuse more than 8 to 16 KiB in all. */
const longestMessage = 3000;

export function toStatusNumber(code: ErrorCode): status {
  return numbers[code];
}

export function fromStatusNumber(number: number): ErrorCode {
  return errorCodes[number - 1] ?? 'unknown';
}

/** What a server answers a failed call with. Only the sentence travels; the cause stays here, for the log. */
export function toStatus(thrown: unknown): Pick<StatusObject, 'code' | 'details'> & { metadata: Metadata } {
  const error = HostlerError.from(thrown);
  const details =
    error.message.length > longestMessage ? `${error.message.slice(0, longestMessage)} ...` : error.message;
  return { code: toStatusNumber(error.code), details, metadata: new Metadata() };
}

/** True for what grpc-js hands to callbacks and 'error' listeners. */
export function isServiceError(thrown: unknown): thrown is ServiceError {
  return (
    thrown instanceof Error &&
    'code' in thrown &&
    typeof thrown.code === 'number' &&
    'details' in thrown &&
    typeof thrown.details === 'string'
  );
}

/**
 * What a client makes of a failed call: the server's code and sentence. Where there is no sentence of ours (connection
 * refused, connection broken) `what` says what was tried, as in "Cannot reach the manager on /run/x.sock".
 */
export function fromStatus(thrown: unknown, what: string): HostlerError {
  if (!isServiceError(thrown)) return HostlerError.from(thrown);
  const code = fromStatusNumber(thrown.code);
  const ours = thrown.details !== '' && code !== 'unavailable' && code !== 'unknown';
  return new HostlerError(code, ours ? thrown.details : `${what}: ${thrown.details}`, { cause: thrown });
}
