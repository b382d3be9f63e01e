/**
 * What a command line may hold, as data. One definition a command: the parser, the help text, completion and the
 * request to the manager all read it. Nothing here talks to anybody.
 */
export interface OptionDefinition {
  /** Long name without dashes. The canonical name where there is one; else the letter is. */
  readonly long?: string;
  /** Further long names that mean the same. */
  readonly alias?: readonly string[];
  /** One letter, or several that mean the same. */
  readonly short?: string;
  /** What the help text calls the value; absent: a flag. */
  readonly value?: string;
  /** The value may be left out (`--rest` or `--rest=x`): it is then the empty string. */
  readonly optionalValue?: boolean;
  /** May be given several times; else the last one counts (all of them are sent). Only for the help text. */
  readonly repeat?: boolean;
  /** The value is a node range: `^file` in it is opened here and sent along. */
  readonly nodeRange?: boolean;
  /** The value names a file that is opened here and sent along as `files[value]`. */
  readonly file?: boolean;
  /** The value is a path on the manager's machine: a relative one is taken from where the command was called. */
  readonly path?: boolean;
  /** The command reads standard input when this option is there (mkdef -z). */
  readonly input?: boolean;
  /**
   * What completion offers for the value: a list of words, an object type (`osimage`), or a kind that
   * cli/hostler/offers.ts knows (`table`, `attribute`, `object` of the type that -t names ...).
   */
  readonly complete?: string | readonly string[];
  /** One line. */
  readonly help: string;
  /** Left out of help and completion: taken only so that the verb can refuse it in xCAT's words. */
  readonly hidden?: boolean;
}

/** A command line after the options were taken out. */
export interface CommandLine {
  /** By canonical name; every occurrence in order; a flag has one `''` an occurrence. */
  readonly options: Readonly<Record<string, readonly string[]>>;
  readonly operands: readonly string[];
}

export interface CommandDefinition {
  /** xCAT's name, or ours. Also the verb that is asked, unless `verb` says otherwise. */
  readonly name: string;
  readonly verb?: string;
  /** One sentence without the full stop. */
  readonly summary: string;
  /** Each without the command's name: `[-t TYPE] [-o NAMES] ...` */
  readonly usage: readonly string[];
  /** What the operands are, for the help text. */
  readonly operands?: string;
  /** Which operands are node ranges; `^file` in them is opened here and sent along. */
  readonly nodeRange?: 'first' | 'all';
  /** Operands name files, opened here and sent along; one that cannot be read is left out: the verb says so. */
  readonly operandFiles?: boolean;
  /** Operands are paths on the manager's machine: relative ones are taken from where the command was called. */
  readonly operandPaths?: boolean;
  /** What completion offers for operands, as for options; `node+column`: for the first one, and for those after it. */
  readonly complete?: string | readonly string[];
  /** True when the command may change something: it then has --plan. */
  readonly changes?: boolean;
  /** True when the command always reads standard input (tabrestore -). */
  readonly input?: boolean;
  readonly options: readonly OptionDefinition[];
  /**
   * Command lines that are answered with the usage text and nothing else: the exit code then (0: on standard output).
   * For what xCAT's clients decide before they ask anybody, such as `lsdef` without arguments.
   */
  readonly usageWhen?: (line: CommandLine) => number | undefined;
  /**
   * For what only the client can do (write files, open an editor): runs in the place of the verb and asks the manager as
   * it needs. Returns the exit code; undefined: this command line is for the verb alone. `command`: the line in short.
   */
  readonly local?: (line: CommandLine, command: string) => Promise<number> | undefined;
  /** Ends the help text: examples, each a whole command line. */
  readonly examples?: readonly string[];
}

/** The name under which an option's values are sent. */
export function canonicalName(option: OptionDefinition): string {
  return option.long ?? option.short?.charAt(0) ?? '';
}

/** The letters that mean the option. */
export function letters(option: OptionDefinition): string[] {
  return Array.from(option.short ?? '');
}

/** For usageWhen: nothing at all was given. */
export function isBare(line: CommandLine): boolean {
  return line.operands.length === 0 && Object.keys(line.options).length === 0;
}
