/** A command of xCAT's that is known by name and not built yet. */
export interface Unbuilt {
  readonly name: string;
  readonly summary: string;
  /** Exit code when it is called without arguments, as the original's. */
  readonly bare: number;
  /** Options with a value that stand in the recorded command lines; others are refused as unknown. */
  readonly values?: string;
}

/**
 * Each checks its node range as the original does and then says that it is not built: scripts get a sentence instead
 * of "command not found". Whoever builds one takes it out of here.
 */
export const unbuilt: readonly Unbuilt[] = [
  { name: 'getmacs', summary: 'Collect the network addresses of nodes', bare: 0 },
  { name: 'lslite', summary: 'List statelite files of nodes or images', bare: 1 },
  { name: 'lsvm', summary: 'List virtual machines or partitions', bare: 0 },
  { name: 'makegocons', summary: 'Register consoles', bare: 1 },
  { name: 'mkvm', summary: 'Create virtual machines or partitions', bare: 0 },
  { name: 'rbeacon', summary: 'Turn beacons on and off', bare: 0 },
  { name: 'rcons', summary: 'Open the console of a node', bare: 1 },
  { name: 'reventlog', summary: 'Show the event log of service processors', bare: 0 },
  { name: 'rinstall', summary: 'Install nodes', bare: 0 },
  { name: 'rinv', summary: 'Show the hardware inventory', bare: 0 },
  { name: 'rmvm', summary: 'Remove virtual machines or partitions', bare: 0 },
  { name: 'rnetboot', summary: 'Boot nodes over the network', bare: 1 },
  { name: 'rpower', summary: 'Switch nodes on and off', bare: 0 },
  { name: 'rscan', summary: 'Find nodes behind hardware control points', bare: 0, values: 'w' },
  { name: 'rsetboot', summary: 'Set the next boot device', bare: 0 },
  { name: 'rspconfig', summary: 'Configure service processors', bare: 0 },
  { name: 'rvitals', summary: 'Show temperatures, fans and voltages', bare: 0 },
  { name: 'xdcp', summary: 'Copy files to nodes', bare: 1 },
  { name: 'xdsh', summary: 'Run commands on nodes', bare: 1, values: 'l' },
];
