/**
 * What a laboratory leaves behind must be taken away however the program ends: these run synchronously when the
 * process exits, also after Ctrl-C and SIGTERM. (After SIGKILL the next createNetwork sweeps up.)
 */
const duties = new Set<() => void>();
let installed = false;

/** Registers a clean-up for the end of the process; the return value takes it back (when it was done in order). */
export function atEnd(duty: () => void): () => void {
  install();
  duties.add(duty);
  return () => duties.delete(duty);
}

function install(): void {
  if (installed) return;
  installed = true;
  process.on('exit', () => {
    for (const duty of [...duties].reverse()) {
      try {
        duty();
      } catch {
        // the others must still run
      }
    }
  });
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => {
      // A program with a handler of its own decides itself when to leave.
      if (process.listenerCount(signal) === 1) process.exit(128 + number);
    });
  }
}
