import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimCheckSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import { first } from './objects.ts';

/**
 * Is everything that an image wants to have installed in its lpp_source: filesets by the table of contents or by file
 * names, RPMs and interim fixes by file names. An RPM that is there in several versions is trouble; with `clean` all but
 * the newest file go.
 */
export async function checkPackages(
  master: NimMaster,
  { lppSource, names, bundles, clean }: NonNullable<NimCheckSpec['packages']>,
): Promise<{ lines: string[]; broken: string[] }> {
  const source = await master.show(lppSource);
  const location = source?.type === 'lpp_source' ? first(source, 'location') : '';
  // That the resource itself is not there has been told.
  if (location === '') return { lines: [], broken: [] };
  const files = async (folder: string): Promise<string[]> => {
    const { exit, stdout } = await master.login.run('ls', ['-t', `${location}/${folder}`]);
    return exit === 0 ? stdout.split('\n').filter((name) => name !== '') : [];
  };
  const [images, rpms, fixes] = [await files('installp/ppc'), await files('RPMS/ppc'), await files('emgr/ppc')];
  const toc = (await master.login.run('cat', [`${location}/installp/ppc/.toc`])).stdout.split(/\s+/);
  const lines: string[] = [];
  const broken: string[] = [];
  for (const wanted of [...names, ...(await inBundles(master, bundles))]) {
    const name = wanted.replace(/^[IRE]:/, '').replace(/\*$/, '');
    const isRpm = wanted.startsWith('R:') || name.endsWith('.rpm');
    const isFix = wanted.startsWith('E:') || name.includes('epkg.Z');
    const found = isRpm
      ? rpms.filter((file) => file === name || file.startsWith(name.replace(/\.rpm$/, '')))
      : isFix
        ? fixes.filter((file) => file === name || file.startsWith(name))
        : toc.includes(name)
          ? [name]
          : images.filter((file) => file === name || file.startsWith(`${name}.`));
    if (found.length === 0) {
      broken.push(name);
      lines.push(`Could not find ${wanted} in the lpp_source named '${lppSource}'.`);
    } else if (isRpm && found.length > 1) {
      const [newest = '', ...older] = found;
      if (!clean) {
        broken.push(name);
        lines.push(
          `Found several files for ${wanted} in '${lppSource}': ${found.join(', ')}. -c removes all but ${newest}.`,
        );
        continue;
      }
      for (const file of older) await master.tool('rm', ['-f', `${location}/RPMS/ppc/${file}`]);
      lines.push(`Removed from '${lppSource}': ${older.join(', ')}.`);
    }
  }
  return { lines, broken };
}

async function inBundles(master: NimMaster, bundles: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const bundle of bundles) {
    const object = await master.show(bundle);
    if (!object) continue;
    const read = await master.login.run('cat', [first(object, 'location')]);
    if (read.exit !== 0)
      throw new HostlerError(
        'not_found',
        `The bundle ${bundle} cannot be read on ${master.login.name}: ${read.stderr.trim()}`,
      );
    found.push(
      ...read.stdout
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#')),
    );
  }
  return found;
}
