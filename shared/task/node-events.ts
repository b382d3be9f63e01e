/** How far a node came, in the order of a boot. What boot servers, initrds and agents report (link.proto, NodeEvent). */
export const bootStages = [
  'dhcp', // the first lease of this boot
  'loader', // the boot loader asked for its script
  'kernel', // the kernel was fetched
  'initrd', // the initrd runs
  'image', // the image was fetched and its digest is right
  'switched', // root switched to the image
  'registered', // the agent has its certificate and its link
  'postscripts', // the node's scripts ended
  'booted',
] as const;

/** What follows `initrd` on a machine that is installed, before it starts over from its disk. */
export const installStages = [
  'installing', // told again and again, with how far it is
  'installed',
] as const;

export type BootStage = (typeof bootStages)[number] | (typeof installStages)[number];

/** Other things worth telling about a node. */
export const nodeTroubles = ['failed', 'refused', 'unknown-node'] as const;
export type NodeTrouble = (typeof nodeTroubles)[number];

/**
 * What an agent beside a NIM master sees of AIX machines there, by the words that people know. postbooting: the machine
 * has registered and runs its scripts. refused: somebody who is not the machine spoke for it.
 */
export const nimStages = [
  'nim-installing',
  'nim-booting',
  'nim-netbooting',
  'nim-postbooting',
  'nim-booted',
  'nim-failed',
  'nim-refused',
] as const;
export type NimStage = (typeof nimStages)[number];

/** One thing seen of one boot; travels as NodeEvent of link.proto. */
export interface NodeEvent {
  /** Empty when nobody knows the machine. */
  readonly node: string;
  readonly stage: BootStage | NodeTrouble | NimStage;
  /** Milliseconds since the epoch, clock of the agent that reports. */
  readonly at: number;
  /** Lower case, with colons. */
  readonly mac: string;
  /** The kernel's boot id; empty before a kernel runs. */
  readonly bootId: string;
  /** One line for people. */
  readonly detail: string;
}
