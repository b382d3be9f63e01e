/** xCAT's folder word for an architecture as distributions write it. Debian's ppc64el stays (facts: arch on disk). */
export function folderArch(word: string): string {
  if (/^i.86$/.test(word)) return 'x86';
  const words: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64', ppc: 'ppc64', powerpc: 'ppc64' };
  return words[word] ?? word;
}
