const words = new Map([
  ['amd64', 'x86_64'],
  ['arm64', 'aarch64'],
  ['ppc', 'ppc64'],
  ['powerpc', 'ppc64'],
]);

/** xCAT's folder word for an architecture as distributions write it. Debian's ppc64el stays (facts: arch on disk). */
export function folderArch(word: string): string {
  return /^i.86$/.test(word) ? 'x86' : (words.get(word) ?? word);
}
