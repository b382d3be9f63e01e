import type { NimPairs, NimUpdateImageSpec } from '../../../shared/task/nim.ts';
import type { View } from '../../../shared/verb/view.ts';
import { imageAttributes, isNimImage, resourceTypes } from './common.ts';

const sources = ['installp_bundle', 'otherpkgs', 'synclists'];
const taken = [...sources, 'installp_flags', 'nfs_vers'];

/** What `mknimimage -u` will do, or the sentence why it will not. What is named on the command line counts alone. */
export function planUpdate(
  known: View,
  image: string,
  pairs: ReadonlyMap<string, string>,
): { readonly spec: NimUpdateImageSpec } | { readonly trouble: string } {
  if (!isNimImage(known, image)) return { trouble: `The osimage object named '${image}' is not defined.` };
  const unknown = [...pairs.keys()].find((key) => !taken.includes(key));
  if (unknown !== undefined)
    return { trouble: `The attribute '${unknown}' is not valid with '-u'. Use one of: ${taken.join(', ')}.` };
  const held = imageAttributes(known, image);
  const spot = held['spot'] ?? '';
  if (spot === '') return { trouble: `The osimage '${image}' has no spot resource.` };
  const explicit = sources.some((key) => pairs.has(key));
  const value = (key: string): string => (explicit ? (pairs.get(key) ?? '') : (held[key] ?? ''));
  const bundles = list(value('installp_bundle'));
  const packages = list(value('otherpkgs'));
  const bad = [...bundles, ...packages].find((word) => !/^[\w.:+!-]+$/.test(word));
  if (bad !== undefined) return { trouble: `'${bad}' is not the name of a bundle or package.` };
  const version = pairs.get('nfs_vers');
  if (version !== undefined && !['3', '4'].includes(version)) return { trouble: "nfs_vers must be '3' or '4'." };
  const synclists = list(value('synclists'));
  const relative = synclists.find((file) => !file.startsWith('/') || file.split('/').includes('..'));
  if (relative !== undefined) return { trouble: `The synclist '${relative}' is not an absolute path.` };
  const installs = bundles.length + packages.length > 0;
  if (!installs && synclists.length === 0 && version === undefined)
    return {
      trouble: `There is nothing to update: '${image}' names neither installp_bundle, otherpkgs nor synclists.`,
    };
  const lppSource = held['lpp_source'] ?? '';
  if (installs && lppSource === '') return { trouble: `The osimage '${image}' has no lpp_source resource.` };
  const changes =
    version === undefined
      ? []
      : resourceTypes.flatMap((type) =>
          list(held[type] ?? '').map((name) => ({ name, attributes: [['nfs_vers', version]] satisfies NimPairs })),
        );
  return {
    spec: {
      image,
      spot,
      sharedRoot: held['shared_root'] ?? '',
      lppSource: installs ? lppSource : '',
      bundles,
      filesets: packages.map(withPrefix),
      installpFlags: pairs.get('installp_flags') ?? held['installp_flags'] ?? 'agQXY',
      synclists,
      changes,
    },
  };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Names ending in .rpm and interim fixes are known by themselves (NIM facts, 9.2). */
function withPrefix(name: string): string {
  if (/^[IRE]:/.test(name)) return name;
  if (name.endsWith('.rpm')) return `R:${name}`;
  if (name.includes('epkg.Z')) return `E:${name}`;
  return name;
}
