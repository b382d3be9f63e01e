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

export type BootStage = (typeof bootStages)[number];

/** Other things worth telling about a node. */
export const nodeTroubles = ['failed', 'refused', 'unknown-node'] as const;
export type NodeTrouble = (typeof nodeTroubles)[number];
