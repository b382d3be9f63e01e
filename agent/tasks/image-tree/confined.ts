/**
 * A program in a mount and process namespace of its own: what it mounts is gone when it is gone, and when this
 * process dies, whatever the way, the program and all that it started die with it.
 */
export function confined(program: string, args: readonly string[]): { program: string; args: string[] } {
  return {
    program: 'setpriv',
    args: [
      '--pdeathsig=KILL',
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      '--',
      program,
      ...args,
    ],
  };
}
