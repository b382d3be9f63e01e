import { lstat, readFile, writeFile } from 'node:fs/promises';
import { existsInside } from '../image-tree/inside.ts';

const dayMs = 86_400_000;

/**
 * An account that a package makes carries the day on which its password was set (man 5 shadow, third field). Days since
 * the build began become the day of the build's epoch, so that they do not tell when the image was built.
 */
export async function settleAccounts(root: string, sinceMs: number, epochMs: number): Promise<void> {
  const since = Math.floor(sinceMs / dayMs) - 1;
  const day = String(Math.max(1, Math.floor(epochMs / dayMs)));
  for (const path of ['etc/shadow', 'etc/shadow-']) {
    const file = await existsInside(root, path);
    if (file === undefined || !(await lstat(file)).isFile()) continue;
    const text = await readFile(file, 'utf8');
    const now = text.replace(/^([^:\n]*:[^:\n]*:)(\d+)(?=:)/gm, (whole, before: string, set: string) =>
      Number(set) >= since ? before + day : whole,
    );
    if (now !== text) await writeFile(file, now);
  }
}
