import { HostlerError } from '../../../shared/errors/error.ts';
import { textFile } from '../../../shared/text/text-file.ts';
import { parseSynclist } from '../image-pack/synclist.ts';
import type { NimMaster } from './master.ts';
import { first, type NimObject } from './objects.ts';

const copy = textFile(import.meta.url, './copy-into-spot.sh');

/**
 * Copies what synclists of the master name into a SPOT: below /usr into its own usr, else into the tree that roots are
 * made from. Every list is read before anything is copied. Scripts, and lines for some nodes only, have no place there.
 */
export async function syncSpot(
  master: NimMaster,
  spot: NimObject,
  lists: readonly string[],
): Promise<{ copied: number; lines: string[] }> {
  const lines: string[] = [];
  const entries = [];
  for (const list of lists) {
    const read = await master.login.run('cat', [list]);
    if (read.exit !== 0)
      throw new HostlerError(
        'not_found',
        `The synclist ${list} cannot be read on ${master.login.name}: ${read.stderr.trim()}`,
      );
    const parsed = parseSynclist(list, read.stdout);
    const copies = parsed.entries.filter(({ how }) => how === 'copy');
    if (copies.length < parsed.entries.length || parsed.remarks.length > 0)
      lines.push(
        `${list}: only its copies were done; scripts, APPEND, MERGE and lines for some nodes are not for a SPOT.`,
      );
    entries.push(...copies);
  }
  const usr = first(spot, 'location');
  let copied = 0;
  for (const { sources, destination, intoFolder } of entries) {
    const kind = intoFolder ? 'folder' : 'file';
    const args = ['-c', copy, 'sh', usr, `${usr}/lpp/bos/inst_root`, destination, kind, ...sources];
    const said = await master.tool('sh', args, { called: `copying ${sources.join(' ')} into ${spot.name}` });
    copied += said.split('\n').filter((line) => line !== '').length;
  }
  return { copied, lines };
}
