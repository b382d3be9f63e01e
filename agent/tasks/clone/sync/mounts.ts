import { readFile } from 'node:fs/promises';

/** Everything that is mounted and no part of the image: another disk, another machine, the kernel's own. */
export async function foreignMounts(target: string, mounts: readonly string[]): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  const points = text.split('\n').flatMap((line) => {
    const point = line
      .split(' ')[4]
      ?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (point?.startsWith(`${target}/`) !== true) return [];
    return [point.slice(target.length)];
  });
  return [...new Set(points)].filter((point) => point !== '/' && !mounts.includes(point));
}
