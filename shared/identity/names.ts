/**
 * How an agent's certificate says who it is: subject `CN=<agent>, O=hostler`, one `OU=role:<role>` a role and one
 * `OU=kind:<node|service>`. Server names are checked against the agent's name, not against addresses.
 */
export interface AgentIdentity {
  readonly name: string;
  readonly kind: AgentKind;
  readonly roles: readonly string[];
  /** Certificate serial, lower-case hexadecimal without leading zeros. */
  readonly serial: string;
}

/** node: a machine that booted through us and may do so again any time; service: a machine that stays. */
export type AgentKind = 'node' | 'service';

/** The manager's own server certificate carries this common name. */
export const managerName = 'hostler-manager';

/** The organisation in every subject that the authority issues. */
export const organisation = 'hostler';

export const roles = ['build', 'boot', 'store', 'golden', 'nim', 'control', 'relay', 'node'] as const;
export type Role = (typeof roles)[number];

/** What a service node does for others, and its own tasks as every node. */
export const serviceNodeRoles: readonly Role[] = ['boot', 'store', 'relay', 'control', 'node'];

export function isRole(word: string): word is Role {
  return (roles as readonly string[]).includes(word);
}

/**
 * Agent names become common names, keys and log fields: letters, digits, dot, dash, underscore; 63 characters at most,
 * beginning with a letter or digit. The manager's own name is taken.
 */
export function isAgentName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text) && text !== managerName;
}

/** Serial numbers as we write them everywhere: lower case, no leading zeros. */
export function normalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}
