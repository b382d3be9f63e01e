/**
 * How an agent's certificate says who it is: subject `CN=<agent>, O=hostler`, one `OU=role:<role>` a role and one
 * `OU=kind:<node|service>`. Server names are checked against the agent's name, not against addresses.
 */
export interface AgentIdentity {
  readonly name: string;
  readonly kind: 'node' | 'service';
  readonly roles: readonly string[];
  /** Certificate serial, lower-case hexadecimal without leading zeros. */
  readonly serial: string;
}

/** The manager's own server certificate carries this common name. */
export const managerName = 'hostler-manager';

export const roles = ['build', 'boot', 'store', 'golden', 'nim', 'control', 'relay', 'node'] as const;
export type Role = (typeof roles)[number];
