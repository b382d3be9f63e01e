import type { ListMode } from '../../../shared/distro/media-lists.ts';
import { type ListSearch, mostListSearches } from '../../../shared/task/image-lists.ts';
import type { ProfileFiles } from '../../../shared/task/media.ts';
import { installRow } from '../media/osimages.ts';

/** What may stand in a file name; nothing else is looked for. */
const plain = /^[A-Za-z0-9][\w.+-]{0,200}$/;

/**
 * The lists and templates of profiles, which lie on an agent's machine. Without answers it takes down what is asked
 * for and finds nothing; the command is then begun anew with what an agent answered.
 */
export class Lists {
  /** Not yet answered, in the order of asking. */
  readonly #wanted = new Map<string, ListSearch>();
  readonly #found: ReadonlyMap<string, ProfileFiles>;

  constructor(searches: readonly ListSearch[] = [], found: readonly ProfileFiles[] = []) {
    const answers = searches.map((search, at) => [keyOf(search), found[at]] as const);
    this.#found = new Map(answers.flatMap(([key, row]) => (row === undefined ? [] : [[key, row]])));
  }

  get wanted(): readonly ListSearch[] {
    return [...this.#wanted.values()];
  }

  /** Attribute to file, without what is not there. As copycds does it: an installed system without a template takes the package lists of diskless images. */
  filesOf(provmethod: string, profile: string, osvers: string, osarch: string): Readonly<Record<string, string>> {
    const look = (mode: ListMode): ProfileFiles => this.#look({ mode, profile, osvers, osarch });
    const netboot = look('netboot');
    if (provmethod !== 'install') return without(netboot);
    const install = look('install');
    return without(install['template'] === undefined ? { ...installRow(netboot), ...install } : install);
  }

  #look(search: ListSearch): ProfileFiles {
    const nothing = { profile: search.profile };
    if (![search.profile, search.osvers, search.osarch].every((word) => plain.test(word))) return nothing;
    const key = keyOf(search);
    const found = this.#found.get(key);
    // One more than can be asked for is enough to know that it is too many.
    if (found === undefined && this.#wanted.size <= mostListSearches) this.#wanted.set(key, search);
    return found ?? nothing;
  }
}

function keyOf({ mode, profile, osvers, osarch }: ListSearch): string {
  return [mode, profile, osvers, osarch].join(' ');
}

function without(row: ProfileFiles): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(row).filter(([attr]) => attr !== 'profile'));
}
