import { attribute, attributesOf, byName } from '../../../shared/objects/index.ts';
import { clustersite } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { Lists } from './lists.ts';
import type { Talk } from './talk.ts';

const legacy: ReadonlySet<string> = new Set(['install', 'netboot', 'statelite']);

/** `--osimage`: the attributes of the osimage that the node is set to, or what its old-style provmethod comes to. */
export function osimageOfNode(
  view: View,
  node: string,
  talk: Talk,
  lists: Lists,
): readonly (readonly [string, string])[] {
  const value = (attr: string): string => attribute(view, 'node', node, attr)?.value ?? '';
  const provmethod = value('provmethod');
  if (provmethod !== '' && !legacy.has(provmethod)) {
    const found = [...attributesOf(view, 'osimage', provmethod)].map(
      ([attr, { value: held }]) => [attr, held] as const,
    );
    if (found.length === 0) talk.warning(`${node}: could not find information for osimage ${provmethod}`);
    else found.push(['objtype', 'osimage']);
    return found.sort(([a], [b]) => byName(a, b));
  }
  const [os, arch, profile] = [value('os'), value('arch'), value('profile')];
  if ([os, arch, profile, provmethod].includes('')) {
    talk.error(
      `Missing attributes for node ${node}, check the node attributes 'os', 'arch','profile' and 'provmethod'.`,
    );
    talk.warning(`${node}: could not find information for osimage `);
    return [];
  }
  const install = view.row('site', clustersite)?.['site.installdir'] ?? talk.asked.folders.install;
  const derived: (readonly [string, string])[] = [
    ['imagetype', 'linux'],
    ['osarch', arch],
    ['osname', 'Linux'],
    ['osvers', os],
    ['otherpkgdir', `${install}/post/otherpkgs/${os}/${arch}`],
    ['pkgdir', `${install}/${os}/${arch}`],
    ['profile', profile],
    ['provmethod', provmethod],
  ];
  if (provmethod !== 'install') derived.push(['rootimgdir', `${install}/netboot/${os}/${arch}/${profile}`]);
  derived.push(...Object.entries(lists.filesOf(provmethod, profile, os, arch)));
  return derived.sort(([a], [b]) => byName(a, b));
}
