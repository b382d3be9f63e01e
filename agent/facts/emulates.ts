import { join } from 'node:path';
import { namesIn, textOf } from './read.ts';

/** qemu's names that differ from xCAT's words. */
const words: Readonly<Record<string, string>> = { i386: 'x86', arm: 'armv7l' };

/**
 * Architectures whose programs this machine runs through qemu-user: registered with the kernel, switched on, and with
 * the interpreter opened beforehand (flag F), so that it works in a chroot too.
 */
export function emulates(root: string): string[] {
  const folder = join(root, 'proc/sys/fs/binfmt_misc');
  return namesIn(folder).flatMap((name) => {
    if (!name.startsWith('qemu-')) return [];
    const text = textOf(join(folder, name));
    if (!text.startsWith('enabled') || !/^flags:.*F/m.test(text)) return [];
    const target = name.slice('qemu-'.length);
    return [words[target] ?? target];
  });
}
