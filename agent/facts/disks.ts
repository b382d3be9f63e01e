import { join } from 'node:path';
import type { Facts } from '../../shared/task/facts.ts';
import { namesIn, textOf } from './read.ts';

/** Block devices that are no disks: loops, memory, floppies, CD drives, and what is made of other devices. */
const noDisk = /^(loop|ram|zram|fd|sr|dm-|md|nbd|mtdblock|drbd)/;
const most = 512;

/** The disks of a Linux machine, from /sys/block; empty elsewhere. */
export function disksOf(root: string): Facts['disks'] {
  const folder = join(root, 'sys/block');
  return namesIn(folder)
    .filter((name) => !noDisk.test(name))
    .slice(0, most)
    .map((name) => ({
      name,
      // The size file counts sectors of 512 bytes whatever the disk's own are.
      bytes: Number(textOf(join(folder, name, 'size'))) * 512 || 0,
      model: textOf(join(folder, name, 'device/model')).replace(/\s+/g, ' '),
      serial: textOf(join(folder, name, 'device/serial')) || textOf(join(folder, name, 'serial')),
    }));
}
