/** What one machine architecture is called by whom. The key is xCAT's word, which is also `uname -m`. */
export interface Architecture {
  readonly name: string;
  /** dpkg's word. */
  readonly debian: string;
  /** Program name of the user-mode emulator, and of its entry in binfmt_misc. */
  readonly emulator: string;
}

const table: readonly Architecture[] = [
  { name: 'x86_64', debian: 'amd64', emulator: 'qemu-x86_64' },
  { name: 'aarch64', debian: 'arm64', emulator: 'qemu-aarch64' },
  { name: 'ppc64le', debian: 'ppc64el', emulator: 'qemu-ppc64le' },
  { name: 'ppc64', debian: 'ppc64', emulator: 'qemu-ppc64' },
  { name: 'riscv64', debian: 'riscv64', emulator: 'qemu-riscv64' },
  { name: 's390x', debian: 's390x', emulator: 'qemu-s390x' },
];

export const architectures: ReadonlyMap<string, Architecture> = new Map(table.map((row) => [row.name, row]));

/** Distributions have their own words for the same machines (ppc64el, amd64, arm64). */
export function architectureOf(word: string): Architecture | undefined {
  return architectures.get(word) ?? table.find((row) => row.debian === word);
}
