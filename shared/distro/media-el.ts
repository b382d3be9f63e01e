import type { Medium, MediumText } from './media.ts';
import { folderArch } from './media-words.ts';

/** The second line of `.discinfo`; `$1` is the version as it stands there. The first that fits counts. */
const descriptions: readonly (readonly [pattern: RegExp, osvers: string])[] = [
  [/^CentOS Stream (\d+)/, 'centos-stream$1'],
  [/^CentOS(?: Linux)? (?:release )?(\d+(?:\.\d+)*)/, 'centos$1'],
  [/^Rocky Linux (?:release )?(\d+(?:\.\d+)*)/, 'rocky$1'],
  [/^AlmaLinux (?:release )?(\d+(?:\.\d+)*)/, 'alma$1'],
  [/^Oracle Linux (?:Server )?(\d+(?:\.\d+)?)/, 'ol$1'],
  [/^Red Hat Enterprise Linux (?:Client|Desktop) (\d+(?:\.\d+)*)/, 'rhelc$1'],
  [/^Red Hat Enterprise Linux (?:Workstation) (\d+(?:\.\d+)*)/, 'rhelw$1'],
  [/^Red Hat Enterprise Linux (?:(?:Server|Alternate) )?(\d+(?:\.\d+)*)/, 'rhels$1'],
  [/^RHEL-(\d+\.\d+)\S* Server/, 'rhels$1'],
  [/^Fedora(?: Linux)?(?:[ -](?:Server|Everything|Cloud))?[ -](\d+)/, 'fedora$1'],
  [/^Scientific Linux (\d+(?:\.\d+)?)/, 'SL$1'],
];

/** `family` or `name` of `.treeinfo`, for media whose `.discinfo` holds a bare number, or that have none. */
const families: readonly (readonly [pattern: RegExp, osvers: string])[] = [
  [/^CentOS.Stream/, 'centos-stream'],
  [/^CentOS/, 'centos'],
  [/^Rocky/, 'rocky'],
  [/^AlmaLinux/, 'alma'],
  [/^Oracle Linux/, 'ol'],
  [/^Red Hat Enterprise Linux/, 'rhels'],
  [/^Fedora/, 'fedora'],
  [/^Scientific/, 'SL'],
];

export function elMedium(medium: MediumText): Medium | undefined {
  const [, description = '', discArch = '', disc = ''] = (medium.text('.discinfo') ?? '')
    .split('\n')
    .map((line) => line.trim());
  const tree = treeInfo(medium.text('.treeinfo') ?? '');
  const arch = discArch !== '' ? discArch : (tree.get('general.arch') ?? tree.get('tree.arch') ?? '');
  const osvers = nameOf(description, tree);
  if (osvers === undefined || !/^[\w]{1,20}$/.test(arch)) return undefined;
  return {
    family: 'el',
    osvers,
    arch: folderArch(arch),
    shownArch: folderArch(arch),
    disc: /^\d+$/.test(disc) ? disc : '',
    folder: '',
    calls: 'distribution',
  };
}

function nameOf(description: string, tree: ReadonlyMap<string, string>): string | undefined {
  const version = tree.get('release.version') ?? tree.get('general.version') ?? '';
  for (const [pattern, osvers] of descriptions) {
    const found = pattern.exec(description)?.[1];
    if (found === undefined) continue;
    const stream = osvers.startsWith('centos-stream') || osvers.startsWith('fedora');
    // `Rocky Linux 8` on a medium of 8.5: the tree knows better.
    return osvers.replace('$1', !stream && version.startsWith(`${found}.`) ? version : found);
  }
  const bare = /^\d+(?:\.\d+)*$/.test(description) ? description : version;
  if (!/^\d+(?:\.\d+)*$/.test(bare)) return undefined;
  const names = ['release.name', 'general.family', 'general.name'].map((key) => tree.get(key) ?? '');
  const family = families.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
  return family === undefined ? undefined : `${family}${family === 'centos' ? centosVersion(bare, version) : bare}`;
}

/** AltArch media of CentOS 7 carry a date where others have the version. */
function centosVersion(bare: string, version: string): string {
  return /^\d{6}$/.test(bare) ? version : bare;
}

/** `section.key` to value. */
export function treeInfo(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let section = '';
  for (const line of text.split('\n')) {
    const head = /^\s*\[([^\]]+)\]\s*$/.exec(line);
    if (head?.[1] !== undefined) section = head[1];
    const pair = /^([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair?.[1] !== undefined && section !== '') found.set(`${section}.${pair[1]}`, pair[2] ?? '');
  }
  return found;
}
