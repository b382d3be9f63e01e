import { X509Certificate } from 'node:crypto';
import { HostlerError } from '../../../shared/errors/error.ts';
import { peerIdentity } from '../../../shared/identity/certificate.ts';
import { isSignedKept } from '../../../shared/identity/kept-piece.ts';
import type { AgentIdentity } from '../../../shared/identity/names.ts';
import { keptReportsCodec } from '../../../shared/wire/definitions.ts';
import type { Handed } from '../../../shared/wire/generated/hostler/v1/Handed.ts';
import type { KeptPiece__Output } from '../../../shared/wire/generated/hostler/v1/KeptPiece.ts';
import type { FleetRoom } from '../fleet.ts';
import type { FleetLog } from '../log.ts';

/** The longest certificate that is read, in bytes; ours have a quarter of that. */
const longestCertificate = 4096;

/** Since the start. */
export interface KeptCounts {
  /** Pieces whose reports were applied, or were known already. */
  applied: number;
  refused: number;
}

export interface KeptPiecesDeps {
  readonly fleet: Pick<FleetRoom, 'kept' | 'authority'> & {
    readonly enrolment: Pick<FleetRoom['enrolment'], 'admitted'>;
  };
  readonly log: FleetLog;
}

/** What agents laid down at a relay, as the relay hands it over: only what the agent itself signed counts. */
export class KeptPieces {
  readonly counts: KeptCounts = { applied: 0, refused: 0 };
  readonly #deps: KeptPiecesDeps;
  readonly #authority: X509Certificate;

  constructor(deps: KeptPiecesDeps) {
    this.#deps = deps;
    this.#authority = new X509Certificate(deps.fleet.authority.certificate);
  }

  /**
   * Applied, durably, or refused for good, when it resolves. `relay` is who the connection's certificate says. Throws
   * `permission_denied` or `unauthenticated` for a relay that is none, and what time may cure: the relay keeps the piece.
   */
  async hand(relay: AgentIdentity, piece: KeptPiece__Output): Promise<Handed> {
    const { fleet, log } = this.#deps;
    if (!fleet.enrolment.admitted(relay).roles.includes('relay')) {
      throw new HostlerError('permission_denied', `The agent '${relay.name}' has not the role relay.`);
    }
    try {
      const later = !(await fleet.kept(this.#signer(piece), reportsOf(piece)));
      if (!later) this.counts.applied++;
      return { later };
    } catch (thrown) {
      const error = HostlerError.from(thrown);
      if (error.code !== 'unauthenticated' && error.code !== 'invalid_argument') throw error;
      this.counts.refused++;
      log.warn({ relay: relay.name, code: error.code }, `reports that a relay kept were refused: ${error.message}`);
      return { refused: error.message };
    }
  }

  /** Whose piece it is. Throws `unauthenticated` when nobody of ours signed it. */
  #signer({ certificate, reports, signature }: KeptPiece__Output): AgentIdentity {
    const parsed = readCertificate(certificate);
    const signer = parsed?.verify(this.#authority.publicKey) === true ? peerIdentity(parsed) : undefined;
    if (parsed === undefined || signer === undefined) {
      throw new HostlerError('unauthenticated', "They come with no certificate of this manager's authority.");
    }
    if (!isSignedKept(parsed.publicKey, signer.serial, reports, signature)) {
      throw new HostlerError(
        'unauthenticated',
        `They are not what the agent '${signer.name}' signed: somebody altered or made them on their way.`,
      );
    }
    return signer;
  }
}

function readCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    return der.length > longestCertificate ? undefined : new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function reportsOf({ reports }: KeptPiece__Output): ReturnType<typeof keptReportsCodec.decode> {
  try {
    return keptReportsCodec.decode(reports);
  } catch (cause) {
    throw new HostlerError('invalid_argument', 'They cannot be read.', { cause });
  }
}
