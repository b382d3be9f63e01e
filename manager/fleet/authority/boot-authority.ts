import { X509Certificate } from 'node:crypto';
import { HostlerError } from '../../../shared/errors/error.ts';
import {
  type BootTokenPayload,
  bootTokenSeconds,
  bootTokenSkewSeconds,
  parseBootToken,
} from '../../../shared/identity/boot-token.ts';
import { isAgentName } from '../../../shared/identity/names.ts';
import type { Row, View } from '../../../shared/verb/view.ts';
import type { AgentRecord } from '../records.ts';

/** States that nodeset leaves behind when the node is to boot under our eyes. */
const bootingStates = /^(netboot|sysclone|install|statelite|boot|osimage|runimage|shell)\b/;

/**
 * A boot token that holds: signed by an admitted boot server, in time, for a node that nodeset authorised, with a MAC of
 * that node. Whether it was used before is not looked at here. Throws HostlerError, saying which of these fails.
 */
export function checkBootToken(
  token: string,
  agents: ReadonlyMap<string, AgentRecord>,
  view: View,
  now: number,
): BootTokenPayload {
  const parsed = parseBootToken(token);
  const { payload } = parsed;
  const server = agents.get(payload.server);
  if (server?.standing !== 'admitted' || !server.roles.includes('boot')) {
    throw new HostlerError('unauthenticated', `'${printable(payload.server)}' is no boot server of this manager.`);
  }
  // The certificate before the newest counts too: the server may have signed just before it renewed.
  if (!server.certificates.some(({ certificate }) => parsed.signedBy(new X509Certificate(certificate).publicKey))) {
    throw new HostlerError('unauthenticated', `The boot token is not signed by the boot server '${server.name}'.`);
  }
  checkTime(payload, now);
  checkNode(payload, view);
  return payload;
}

function checkTime({ issuedAt, expiresAt, server }: BootTokenPayload, now: number): void {
  const skew = bootTokenSkewSeconds * 1000;
  if (expiresAt - issuedAt > bootTokenSeconds * 1000 || expiresAt < issuedAt) {
    throw new HostlerError('unauthenticated', `The boot token lives longer than ${bootTokenSeconds} s.`);
  }
  if (now > expiresAt + skew) {
    throw new HostlerError('unauthenticated', 'The boot token has expired; boot the node again.');
  }
  if (now < issuedAt - skew) {
    throw new HostlerError(
      'unauthenticated',
      `The boot token is from the future: the clocks of the boot server '${server}' and the manager are more than ` +
        `${bootTokenSkewSeconds} s apart. Set them right.`,
    );
  }
}

function checkNode({ node, mac }: BootTokenPayload, view: View): void {
  const row = isAgentName(node) ? view.row('node', node) : undefined;
  if (row === undefined) throw new HostlerError('permission_denied', `There is no node '${printable(node)}'.`);
  const state = row['chain.currstate'] ?? '';
  if (!bootingStates.test(state)) {
    throw new HostlerError(
      'permission_denied',
      `The node '${node}' may not enrol: its state is '${state}'. Authorise its boots with nodeset.`,
    );
  }
  const known = macsOf(row);
  if (known.length > 0 && !known.includes(mac.toLowerCase())) {
    throw new HostlerError('permission_denied', `'${printable(mac)}' is no network card of the node '${node}'.`);
  }
}

/** mac.mac holds `aa:bb:...`, several as `aa:bb:...!host|cc:dd:...`. */
function macsOf(row: Row): readonly string[] {
  const text = row['mac.mac'] ?? '';
  return (text.match(/[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5,19}/g) ?? []).map((mac) =>
    mac.toLowerCase().replaceAll('-', ':'),
  );
}

/** What strangers send does not reach logs and terminals as it is. */
export function printable(text: string): string {
  return text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?');
}
