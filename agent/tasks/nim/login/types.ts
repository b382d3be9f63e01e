/** What a program on the NIM master said. A program that fails is no exception here: NIM's own texts decide. */
export interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunInput {
  /** Standard input; default: empty. */
  readonly input?: string;
  /** A connection or a program that hangs; default 10 minutes. Never used for work that must not be interrupted. */
  readonly timeoutMs?: number;
}

/**
 * Where the NIM commands run. The only difference between a master that runs this agent and one that is reached over
 * ssh. Always with LC_ALL=C: NIM translates its texts otherwise (NIM facts, section 3).
 */
export interface Login {
  /** For messages: `this machine`, `root@aixmn`. */
  readonly name: string;
  /** The master is the machine that this program runs on. */
  readonly isHere: boolean;
  /** Throws HostlerError `unavailable` when the master cannot be reached; whether the program began is then unknown. */
  run(program: string, args: readonly string[], options?: RunInput): Promise<Ran>;
}
