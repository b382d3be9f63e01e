import type { Medium, MediumText } from './media.ts';
import { folderArch } from './media-words.ts';

/**
 * `.disk/info`, one line: `Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 DVD Binary-1 with firmware ...`,
 * `Ubuntu-Server 22.04.1 LTS "Jammy Jellyfish" - Release amd64 (20220809)`.
 */
const products: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^Debian GNU\/Linux (\d+(?:\.\d+)*)/, 'debian'],
  [/^Ubuntu(?:-Server)? (\d+\.\d+(?:\.\d+)?)/, 'ubuntu'],
];

const architecture = /\b(amd64|arm64|ppc64el|powerpc|riscv64|s390x|i[3-6]86)\b/;

export function debianMedium(medium: MediumText): Medium | undefined {
  const line = medium.text('.disk/info')?.split('\n')[0] ?? '';
  for (const [pattern, name] of products) {
    const match = pattern.exec(line);
    const arch = architecture.exec(line.slice(match?.[0].length ?? 0))?.[1];
    if (match?.[1] === undefined || arch === undefined) continue;
    const diskdefines = medium.text('README.diskdefines') ?? '';
    const disc = /\bBinary-(\d+)/.exec(line)?.[1] ?? /\bDISKNUM +(\d+)/.exec(diskdefines)?.[1] ?? '1';
    return {
      family: 'debian',
      osvers: `${name}${match[1]}`,
      arch: folderArch(arch),
      shownArch: arch,
      disc,
      // Each disc is a repository of its own: its index names what is on this disc and nothing else.
      folder: Number(disc) > 1 ? `disc${disc}` : '',
      calls: 'Debian',
    };
  }
  return undefined;
}
