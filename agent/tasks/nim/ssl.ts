import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimMaster } from './master.ts';

/**
 * What goes with confignimsh (NIM facts, sections 7 and 11): a command that the client runs for the master, then what
 * nimquery says of SSL. `prepare`: the master itself is set up for SSL first.
 */
export async function checkSsl(
  master: NimMaster,
  names: readonly string[],
  prepare: boolean,
): Promise<{ lines: string[]; broken: string[] }> {
  const lines: string[] = [];
  const broken: string[] = [];
  if (prepare) {
    await master.tool('nimconfig', ['-c']);
    lines.push('nimconfig -c was run: the master speaks SSL.');
  }
  const known = await master.showMany(names);
  for (const name of names) {
    try {
      if (known.get(name)?.class !== 'machines') throw new HostlerError('not_found', 'it is no NIM machine');
      await master.nim('lslpp', name);
      const said = await master.tool('nimquery', ['-a', `host=${name}`]);
      if (/(^|:)_ssl:yes(:|$)/m.test(said.trim())) {
        lines.push(`${name}: nimsh answers, with SSL.`);
        continue;
      }
      lines.push(
        `${name}: nimsh answers, but without SSL. Run "nimconfig -c" on the master (nim check --ssl --recover does), then confignimsh on the node.`,
      );
    } catch (thrown) {
      lines.push(`${name}: ${HostlerError.from(thrown).message}`);
    }
    broken.push(name);
  }
  return { lines, broken };
}
