import type { StanzaFile } from '../stanza/index.ts';

/** One asking of one verb, complete: with the time and the seed drawn once, so that the verb needs neither clock nor dice. */
export interface Asked {
  readonly verb: string;
  /** By canonical option name (the long name, else the letter): every occurrence in order; a bare flag has `['']`. */
  readonly options: Readonly<Record<string, readonly string[]>>;
  readonly operands: readonly string[];
  /** Standard input, where the command reads it. */
  readonly input?: string;
  /** Standard input that was too long for `input`, read as stanzas while it came. */
  readonly stanzas?: StanzaFile;
  /** Files that the command line names, opened by the client: path as typed to content. */
  readonly files: Readonly<Record<string, string>>;
  /** Say what would change, change nothing. The engine drops commits and tasks by itself; verbs need not look. */
  readonly plan: boolean;
  /** Answer with `data` effects instead of text. */
  readonly json: boolean;
  /** Who asks: an operating-system user, or `agent:NAME` for what the manager starts by itself. */
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** 32 hexadecimal digits, random. */
  readonly seed: string;
  /** The manager's short host name: stands in brackets in xCAT's error texts. */
  readonly server: string;
  readonly correlation: string;
  /** Folders that the manager was told at start. */
  readonly folders: Folders;
}

export interface Folders {
  /** Default /install. Holds netboot/, postscripts/, custom/ ... */
  readonly install: string;
  /** Default /tftpboot. */
  readonly tftp: string;
  /** Default /etc/hosts. */
  readonly hostsFile: string;
  /** What comes with the product for other machines: netboot/, postscripts/. */
  readonly share: string;
}

export function hasFlag(asked: Asked, option: string): boolean {
  return asked.options[option] !== undefined;
}

/** The last value given, as Getopt does. */
export function optionValue(asked: Asked, option: string): string | undefined {
  return asked.options[option]?.at(-1);
}
