import { shareFamily } from '../../../shared/distro/release.ts';
import type { Description } from './description.ts';

/** Where xCAT and its documents put the share folder; a machine that runs the printed line by hand has it there. */
const share = '/opt/xcat/share/xcat';

export interface DryrunOptions {
  readonly osvers: string;
  readonly arch: string;
  readonly profile: string;
  /** Values by the letter or word of genimage's own option, as given or as the osimage has them; empty: unset. */
  readonly values: Readonly<Record<string, string>>;
  readonly flags: ReadonlySet<string>;
  readonly permission: string;
  readonly rootimgdir: string;
}

/** The one line that genimage --dryrun prints for an osimage (facts section 8). */
export function dryrunLine(image: Description, options: DryrunOptions, install: string): string {
  const { osvers, arch, profile, values, flags } = options;
  const given = (option: string): string[] => {
    const value = values[option.replace(/^-+/, '')] ?? '';
    return value === '' ? [] : [`${option} ${value}`];
  };
  const quoted = (option: string, value: string): string[] => (value === '' ? [] : [`${option} "${value}"`]);
  const plain = (option: string, value: string): string[] => (value === '' ? [] : [`${option} ${value}`]);
  const flag = (option: string, word = option): string[] => (flags.has(option) ? [`--${word}`] : []);
  return [
    start(osvers, arch, profile),
    ...['-n', '-i', '-r', '-l', '-t', '-k', '-g', '-m'].flatMap(given),
    `--permission ${options.permission}`,
    ...given('--kerneldir'),
    ...flag('onlyinitrd'),
    `--srcdir "${image.value('pkgdir') || `${install}/${osvers}/${arch}`}"`,
    ...plain('--pkglist', image.value('pkglist')),
    ...quoted('--otherpkgdir', image.value('otherpkgdir')),
    ...plain('--otherpkglist', image.value('otherpkglist')),
    ...quoted('--postinstall', image.value('postinstall')),
    `--rootimgdir ${options.rootimgdir}`,
    ...plain('--driverupdatesrc', image.value('driverupdatesrc')),
    ...flag('ignorekernelchk', 'ignorekernelchk 1'),
    ...flag('noupdate', 'noupdate 1'),
    image.name,
  ].join(' ');
}

/** For -o -a -p without an osimage. */
export function legacyDryrunLine(osvers: string, arch: string, profile: string): string {
  return start(osvers, arch, profile);
}

function start(osvers: string, arch: string, profile: string): string {
  return `cd ${share}/netboot/${shareFamily(osvers)}; ./genimage -a ${arch} -o ${osvers} -p ${profile}`;
}
