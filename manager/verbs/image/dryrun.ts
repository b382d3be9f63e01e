import { needsRuntime, releaseOf, shareFamily } from '../../../shared/distro/release.ts';
import type { ImageBuildSpec } from '../../../shared/task/image-build.ts';
import { hasFlag, optionValue } from '../../../shared/verb/asked.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Description } from './description.ts';

/**
 * The one line that genimage --dryrun prints for an osimage (facts section 8): agent/by-hand reads it. Whoever pastes it
 * into a shell runs this program with these words and nothing else, whatever stands in attributes.
 */
export function dryrunLine(asked: Asked, image: Description, spec: ImageBuildSpec): string {
  const { install, share } = asked.folders;
  const value = (option: string, attr?: string): string =>
    optionValue(asked, option) ?? (attr === undefined ? '' : image.value(attr));
  const [osvers, arch] = [image.value('osvers'), image.value('osarch')];
  const release = releaseOf(osvers);
  // Without one Debian's packages come from where the building machine has its own.
  const usual = release?.bootstrap === 'mmdebstrap' ? '' : `${install}/${osvers}/${arch}`;
  return [
    start(share, osvers, arch, image.value('profile')),
    ...before(asked, value, spec.permission),
    ...Object.entries(spec.environment).flatMap(([name, text]) => plain('--env', `${name}=${text}`)),
    ...quoted('--srcdir', image.value('pkgdir') || usual),
    ...plain('--pkglist', image.value('pkglist')),
    ...quoted('--otherpkgdir', image.value('otherpkgdir')),
    ...plain('--otherpkglist', image.value('otherpkglist')),
    ...quoted('--postinstall', image.value('postinstall')),
    ...plain('--rootimgdir', spec.rootimgdir),
    ...plain('--driverupdatesrc', image.value('driverupdatesrc')),
    ...behind(asked),
    // Not of the original: only where a build by hand would come out otherwise.
    ...(spec.nodeagent === 'stay' && image.value('profile') !== 'service' ? ['--nodeagent stay'] : []),
    ...(release !== undefined && needsRuntime(release) ? quoted('--noderuntime', spec.noderuntime) : []),
    word(image.name),
  ].join(' ');
}

/** For -o -a -p without an osimage: what was given, and nothing else. */
export function legacyDryrunLine(asked: Asked, osvers: string, arch: string, profile: string): string {
  const value = (option: string): string => optionValue(asked, option) ?? '';
  return [
    start(asked.folders.share, osvers, arch, profile),
    ...before(asked, value, value('permission')),
    ...behind(asked),
  ].join(' ');
}

/** Options that stand before what the osimage names. `value`: of an option, else of that attribute. */
function before(asked: Asked, value: (option: string, attr?: string) => string, permission: string): string[] {
  return [
    ...plain('-n', value('n', 'netdrivers')),
    ...plain('-i', value('i', 'nodebootif')),
    ...plain('-r', value('r', 'otherifce')),
    ...plain('-l', value('l')),
    ...plain('-t', value('t')),
    ...plain('-k', value('k', 'kernelver')),
    ...plain('-g', value('g', 'krpmver')),
    ...plain('-m', value('m')),
    ...plain('--permission', permission),
    ...plain('--kerneldir', value('kerneldir', 'kerneldir')),
    ...flag(asked, 'onlyinitrd'),
  ];
}

function behind(asked: Asked): string[] {
  return [...flag(asked, 'ignorekernelchk', 'ignorekernelchk 1'), ...flag(asked, 'noupdate', 'noupdate 1')];
}

function flag(asked: Asked, option: string, word = option): string[] {
  return hasFlag(asked, option) ? [`--${word}`] : [];
}

function start(share: string, osvers: string, arch: string, profile: string): string {
  const folder = word(`${share}/netboot/${shareFamily(osvers)}`);
  return `cd ${folder}; ./genimage -a ${word(arch)} -o ${word(osvers)} -p ${word(profile)}`;
}

function plain(option: string, value: string): string[] {
  return value === '' ? [] : [`${option} ${word(value)}`];
}

/** In double quotes, as the original prints it. */
function quoted(option: string, value: string): string[] {
  if (value === '') return [];
  return [`${option} ${/^[\w./:,@%+=~ -]*$/.test(value) ? `"${value}"` : word(value)}`];
}

/** One word for a shell. */
function word(value: string): string {
  return /^[\w./:,@%+=-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
