import { clustersite } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { Lists } from './lists.ts';
import type { Talk } from './talk.ts';

/** Options of an NFS root that would make it writable or undo what is needed are refused. */
export function nfsOptionsProblem(options: string | undefined): string | undefined {
  const refused = (options ?? '').split(',').filter((option) => ['rw', 'defaults'].includes(option.trim()));
  if (refused.length === 0) return undefined;
  return `The nfsrootopts value '${options ?? ''}' contains '${refused.join(',')}': the NFS root of a node is mounted read-only.`;
}

/** `-u`: what follows from profile, provmethod, version and architecture; what is given stays. */
export function fillOsimage(view: View, attributes: Map<string, string>, talk: Talk, lists: Lists): boolean {
  const profile = attributes.get('profile');
  const provmethod = attributes.get('provmethod');
  if (profile === undefined || provmethod === undefined) {
    talk.error('The profile and provmethod are all need to be specified.');
    return false;
  }
  if (!/install|netboot|statelite/.test(provmethod)) {
    talk.error(`The provmethod: ${provmethod} is incorrect.`);
    return false;
  }
  const osvers = attributes.get('osvers') ?? '';
  const given = attributes.get('osarch') ?? '';
  if (osvers === '' || given === '') {
    talk.error(
      "The attributes 'osvers' and 'osarch' must be specified together with '-u', for example osvers=debian12 osarch=x86_64.",
    );
    return false;
  }
  const osarch = /^ubuntu/i.test(osvers) && /^ppc64le/i.test(given) ? 'ppc64el' : given;
  attributes.set('osarch', osarch);
  const windows = /^(win|imagex|hyperv)/.test(osvers);
  const imagetype = windows ? 'windows' : 'linux';
  const osname = windows ? 'Windows' : 'Linux';
  for (const [attr, value] of [
    ['imagetype', imagetype],
    ['osname', osname],
  ] as const) {
    const now = attributes.get(attr);
    if (now !== undefined && !now.toLowerCase().startsWith(value.toLowerCase())) {
      talk.error(`The input ${attr}:${now} not match ${value}.`);
      return false;
    }
    if (now === undefined) attributes.set(attr, value);
  }
  attributes.set('osdistroname', `${osvers}-${osarch}`);
  if (windows) return true;
  const install = view.row('site', clustersite)?.['site.installdir'] ?? talk.asked.folders.install;
  const absent = (attr: string, value: string): void => {
    if (!attributes.has(attr)) attributes.set(attr, value);
  };
  if (provmethod === 'install') {
    for (const attr of ['exlist', 'postinstall', 'rootimgdir']) attributes.set(attr, '');
  } else {
    attributes.set('template', '');
    absent('rootimgdir', `${install}/netboot/${osvers}/${osarch}/${profile}`);
  }
  for (const [attr, file] of Object.entries(lists.filesOf(provmethod, profile, osvers, osarch))) absent(attr, file);
  absent('otherpkgdir', `${install}/post/otherpkgs/${osvers}/${osarch}`);
  absent('pkgdir', `${install}/${osvers}/${osarch}`);
  return true;
}
