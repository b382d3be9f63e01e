/**
 * Everything about NIM that only a real master can settle, in one place (NIM facts, section 17 and the marks [U]).
 * docs/nim-open-questions.md names for each what depends on it. Nothing else in this folder may hold such a value.
 */
export const uncertain = {
  /** Cstate of a client that is being installed; compared by these words only, without case. */
  installing: ['installation is being performed'],
  /** Cstate when an installation was set up and the machine has not booted yet. */
  installEnabled: ['BOS installation has been enabled'],
  disklessEnabled: ['diskless or dataless boot is enabled'],
  /** A client that can be given work has this word in its Cstate (what xCAT looks for). */
  clientReady: 'ready',
  /** The whole Rstate of a resource that can be used; the second is what xCAT's xcatchroot leaves. */
  resourceReady: ['ready for use', 'available'],
  /** Mstate of a machine that is up. */
  running: 'currently running',
  /** Mstate of a machine on its way. */
  booting: 'in the process of booting',
  /** Cstate_result after an installation. */
  resultSuccess: 'success',
  resultFailure: 'failure',
  /** MB that must be free before a long definition starts (what xCAT asks for; nothing for a mksysb), and what is added where a size was seen. */
  megabytes: { lpp_source: 1500, spot: 800, tftpboot: 64, mksysb: 1500, margin: 100 },
  /** Where NIM puts boot images. */
  bootFolder: '/tftpboot',
  /** Column of `df -m` that holds the free megabytes, counted from 0, and that of the mount point. */
  dfColumns: { free: 2, mount: 6 },
  dfColumnsPosix: { free: 3, mount: 5 },
  /** Blocks of 512 bytes that a process must be allowed to write into one file before a mksysb is begun: 64 GiB. */
  leastFileBlocks: 2 ** 27,
  /** Seconds before the one repetition of a failed dkls_init (xCAT's habit). */
  dklsRetrySeconds: 2,
} as const;
