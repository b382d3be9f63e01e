/** The closed list of error codes; the same words as gRPC's status codes, in lower case. */
export const errorCodes = [
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * The one error class. `message` is a sentence for the user: what happened, why, what to do next.
 * The cause is for the log and never replaces the sentence.
 */
export class HostlerError extends Error {
  override readonly name = 'HostlerError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whatever was thrown, as a HostlerError; one that already is stays as it is. */
  static from(thrown: unknown, fallback: ErrorCode = 'internal'): HostlerError {
    if (thrown instanceof HostlerError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new HostlerError(fallback, message, { cause: thrown });
  }
}

export function isErrorCode(word: string): word is ErrorCode {
  return (errorCodes as readonly string[]).includes(word);
}
