import { HostlerError } from '../../shared/errors/error.ts';
import { fromStatusNumber, isServiceError } from '../../shared/wire/status.ts';
import { type ManagerPlace, placeName } from './place.ts';

/** What grpc-js says when the connection, not the manager, is the trouble. */
const connectionTrouble =
  /^(No connection established|Connection dropped|Failed to connect|Name resolution failed|read E|write E|Stream removed|Received RST_STREAM|Call ended without|Call cancelled|The pending stream has been canceled|.*\bE(CONNREFUSED|CONNRESET|PIPE|NOENT)\b)/;

/** True when the connection broke or was never made; the manager itself said nothing. */
export function isConnectionTrouble(thrown: unknown): boolean {
  if (!isServiceError(thrown)) return false;
  const code = fromStatusNumber(thrown.code);
  return (
    (code === 'unavailable' || code === 'internal' || code === 'cancelled' || code === 'unknown') &&
    connectionTrouble.test(thrown.details)
  );
}

/** True when it is worth asking again later: the connection broke, or the manager is stopping. */
export function mayComeBack(thrown: unknown): boolean {
  return isConnectionTrouble(thrown) || (isServiceError(thrown) && fromStatusNumber(thrown.code) === 'unavailable');
}

/** The sentence for a user whose command reached nobody. */
export function nobodyAnswers(place: ManagerPlace, cause?: unknown): HostlerError {
  const details = isServiceError(cause) ? cause.details : '';
  if (/\bE(ACCES|PERM)\b/.test(details)) {
    return new HostlerError('permission_denied', `You may not talk to the manager at ${placeName(place)}.`, { cause });
  }
  const next =
    place.kind === 'socket'
      ? `Start one with 'hostler-manager --home ${place.home}', or set HOSTLER_HOME to the home of one that runs.`
      : `Is it running with '--listen', and is HOSTLER_MANAGER right?${tlsReason(details)}`;
  return new HostlerError('unavailable', `No manager answers at ${placeName(place)}. ${next}`, { cause });
}

function tlsReason(details: string): string {
  return /certificate|TLS|SSL|handshake|alert/i.test(details) ? ` TLS said: ${details}` : '';
}

/** A failed call as the sentence for the user: the manager's own, or that nobody answered. */
export function callProblem(thrown: unknown, place: ManagerPlace): HostlerError {
  if (isConnectionTrouble(thrown)) return nobodyAnswers(place, thrown);
  if (isServiceError(thrown)) return new HostlerError(fromStatusNumber(thrown.code), thrown.details, { cause: thrown });
  return HostlerError.from(thrown);
}
