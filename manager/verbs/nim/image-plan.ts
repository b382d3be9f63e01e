import { hasFlag, optionValue, type Asked } from '../../../shared/verb/asked.ts';
import type { NimImageSpec, NimPairs, NimResourceSpec } from '../../../shared/task/nim.ts';
import type { View } from '../../../shared/verb/view.ts';
import { imageAttributes, isNimImage, listTypes, nameTrouble, nfsAttributes, resourceTypes, site } from './common.ts';
import { bosinstFallback, bosinstTemplate } from './bosinst.ts';
import { spotSetup } from './postscripts.ts';

/** Everything that mknimimage will do, or the sentence why it will not. */
export type ImagePlan =
  | { readonly spec: NimImageSpec; readonly attributes: Readonly<Record<string, string>> }
  | { readonly trouble: string; readonly exit: number };

/** Pass-through attributes of `nim -o define` (NIM facts, 9.1). */
const passed: Readonly<Record<string, readonly string[]>> = {
  lpp_source: [
    'verbose',
    'nfs_vers',
    'nfs_sec',
    'packages',
    'use_source_simages',
    'arch',
    'show_progress',
    'multi_volume',
    'group',
  ],
  spot: ['verbose', 'nfs_vers', 'nfs_sec', 'auto_expand', 'installp_flags', 'show_progress', 'debug'],
  mksysb: ['nfs_vers', 'nfs_sec', 'mksysb_flags'],
  dump: ['dumpsize', 'max_dumps', 'snapcollect'],
};
const kept = [
  'synclists',
  'otherpkgs',
  'configdump',
  'installp_flags',
  'rpm_flags',
  'emgr_flags',
  'nfs_vers',
  'usercomment',
];

interface Wish {
  readonly asked: Asked;
  readonly known: View;
  readonly image: string;
  readonly type: string;
  readonly method: string;
  readonly base: string;
  readonly source: string;
  readonly pairs: ReadonlyMap<string, string>;
  /** What an osimage under completion already names. */
  readonly before: Readonly<Record<string, string>>;
  readonly copied: Readonly<Record<string, string>>;
}

export function planImage(asked: Asked, known: View, image: string, pairs: ReadonlyMap<string, string>): ImagePlan {
  // What is completed stays what it is.
  const before = hasFlag(asked, 'c') ? imageAttributes(known, image) : {};
  const type = optionValue(asked, 't') ?? before['nimtype'] ?? 'standalone';
  if (!['standalone', 'diskless', 'dataless'].includes(type))
    return no(`'${type}' is not a valid NIM type. Use standalone, diskless or dataless.`);
  const method = type === 'standalone' ? (optionValue(asked, 'm') ?? before['nimmethod'] ?? 'rte') : '';
  if (!['', 'rte', 'mksysb'].includes(method))
    return no(`'${method}' is not a valid NIM install method. Use rte or mksysb.`);
  const copyOf = optionValue(asked, 'i');
  const source = optionValue(asked, 's') ?? pairs.get('source') ?? before['lpp_source'] ?? '';
  const trouble =
    optionTrouble(asked, type, method, source, copyOf) ??
    (copyOf === undefined || isNimImage(known, copyOf) ? undefined : `'${copyOf}' is not a valid xCAT image name.`) ??
    existing(asked, known, image);
  if (trouble !== undefined) return no(trouble);
  const unknown = [...pairs.keys()].find(
    (key) =>
      !resourceTypes.some((name) => name === key) &&
      !kept.includes(key) &&
      !Object.values(passed).flat().includes(key) &&
      key !== 'source',
  );
  if (unknown !== undefined) return no(`The attribute '${unknown}' is not valid here.`, 3);
  const wish: Wish = {
    asked,
    known,
    image,
    type,
    method,
    base: (optionValue(asked, 'l') ?? `${site(known, 'installdir') || asked.folders.install}/nim`).replace(/\/+$/, ''),
    source,
    pairs,
    before,
    copied: copyOf === undefined ? {} : imageAttributes(known, copyOf),
  };
  if (!wish.base.startsWith('/') || wish.base.split('/').includes('..'))
    return no(`The location '${wish.base}' is not an absolute path.`);
  const resources = resourcesOf(wish);
  const badName = resources
    .map(({ type: kind, name }) => nameTrouble(name, `the ${kind} resource`))
    .find((text) => text !== undefined);
  if (badName !== undefined) return no(badName);
  const spot = resources.find((resource) => resource.type === 'spot')?.name;
  const nfs4 = nfsAttributes(known).length > 0;
  const domain = nfs4 ? site(known, 'domain') : '';
  if (nfs4 && domain === '')
    return no('NFSv4 (useNFSv4onAIX=yes) needs a domain. Set it: chdef -t site domain=<domain>.');
  return {
    spec: {
      image,
      base: wish.base,
      device: source.startsWith('/') ? source : '',
      resources,
      ...(copyOf === undefined
        ? {}
        : { copySpot: { from: wish.copied['spot'] ?? '', to: image, parent: `${wish.base}/spot` } }),
      ...(domain === '' ? {} : { nfsDomain: domain }),
      ...(type === 'standalone' || spot === undefined
        ? {}
        : { spotSetup: spotSetup(known, spot, `${asked.folders.install}/postscripts`) }),
    },
    attributes: {
      imagetype: 'NIM',
      osname: 'AIX',
      nimtype: type,
      ...(method === '' ? {} : { nimmethod: method }),
      ...Object.fromEntries([...pairs].filter(([key]) => kept.includes(key))),
    },
  };
}

function optionTrouble(
  asked: Asked,
  type: string,
  method: string,
  source: string,
  copyOf: string | undefined,
): string | undefined {
  if (hasFlag(asked, 'r') && type !== 'diskless') return "The '-r' option is only valid for diskless images.";
  if (hasFlag(asked, 'p') && copyOf === undefined) return "The '-p' option is only valid with the '-i' option.";
  if (copyOf !== undefined && type === 'standalone')
    return "The '-i' option is only valid for diskless and dataless images.";
  if (type !== 'standalone' && source === '' && copyOf === undefined)
    return 'The image name and either the -s or -i option are required.';
  if (method === 'rte' && source === '') return 'The image name and -s option are required.';
  if (method !== 'mksysb' && (hasFlag(asked, 'n') || hasFlag(asked, 'b')))
    return "The '-n' and '-b' options are only valid with the mksysb method.";
  if (hasFlag(asked, 'n') && hasFlag(asked, 'b')) return "The '-n' and '-b' options cannot be used together.";
  const file = optionValue(asked, 'b');
  if (file !== undefined && !file.startsWith('/')) return `The backup file '${file}' is not an absolute path.`;
  return undefined;
}

function existing(asked: Asked, known: View, image: string): string | undefined {
  const there = known.has('osimage', image);
  if (there && !hasFlag(asked, 'force') && !hasFlag(asked, 'c'))
    return `The osimage definition '${image}' already exists.`;
  if (!there && hasFlag(asked, 'c')) return `The osimage object named '${image}' is not defined.`;
  return undefined;
}

/** In the order in which NIM needs them (facts, 9.1). */
function resourcesOf(wish: Wish): NimResourceSpec[] {
  const { asked, type, method, pairs } = wish;
  const made: string[] =
    type === 'standalone'
      ? ['bosinst_data', ...(hasFlag(asked, 'D') ? ['dump'] : []), method === 'rte' ? 'lpp_source' : 'mksysb', 'spot']
      : [
          'lpp_source',
          'spot',
          hasFlag(asked, 'r') || (wish.before['shared_root'] ?? '') !== '' ? 'shared_root' : 'root',
          ...(hasFlag(asked, 'D') || (wish.copied['dump'] ?? '') !== '' ? ['dump'] : []),
          ...(type === 'diskless' ? ['paging'] : []),
        ];
  const given = resourceTypes.filter(
    (kind) => !made.includes(kind) && (pairs.get(kind) ?? wish.before[kind] ?? '') !== '',
  );
  return [...made, ...given].flatMap((kind) => {
    const named = pairs.get(kind) ?? wish.before[kind];
    if (named === undefined || named === '') return [make(wish, kind)];
    const names = listTypes.includes(kind) ? named.split(',') : [named];
    return names.map((name) =>
      kind === 'mksysb' && makesBackup(wish) ? { ...make(wish, kind), name } : { type: kind, name },
    );
  });
}

function make(wish: Wish, kind: string): NimResourceSpec {
  const { base, image, pairs } = wish;
  const name = nameOf(wish, kind);
  const extra: NimPairs = (passed[kind] ?? []).flatMap((key) => {
    const value = pairs.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  const nfs = extra.some(([key]) => key === 'nfs_vers') ? [] : nfsAttributes(wish.known);
  const at = (
    location: string,
    attributes: NimPairs,
    more: Partial<NonNullable<NimResourceSpec['make']>> = {},
  ): NimResourceSpec => ({
    type: kind,
    name,
    make: { location, attributes: [...attributes, ...extra, ...nfs], ...more },
  });
  const shared = wish.copied[kind];
  switch (kind) {
    case 'bosinst_data':
      return at(`${base}/bosinst_data/${name}`, [], { content: bosinstFallback, template: bosinstTemplate });
    case 'lpp_source':
      if (shared !== undefined && !hasFlag(wish.asked, 'p')) return { type: kind, name: shared };
      // The name of an lpp_source that is there already stands where a folder or device could.
      if (shared === undefined && !wish.source.startsWith('/')) return { type: kind, name: wish.source };
      return at(`${base}/lpp_source/${name}`, [['source', shared ?? wish.source]]);
    case 'spot':
      return at(
        `${base}/spot/${image}/usr`,
        wish.copied['spot'] !== undefined
          ? []
          : [['source', wish.method === 'mksysb' ? nameOf(wish, 'mksysb') : sourceOfSpot(wish)]],
      );
    case 'mksysb': {
      const file = optionValue(wish.asked, 'b');
      const node = optionValue(wish.asked, 'n');
      if (file !== undefined) return at(file, []);
      if (node !== undefined) return at(`${base}/mksysb/${image}/${name}`, [], { fromClient: node });
      return { type: kind, name };
    }
    case 'shared_root':
      return at(`${base}/shared_root/${name}`, [['spot', pairs.get('spot') ?? image]]);
    default:
      if (shared !== undefined && shared !== '' && kind !== 'root') return { type: kind, name: shared };
      return at(`${base}/${kind}/${name}`, []);
  }
}

function makesBackup(wish: Wish): boolean {
  return hasFlag(wish.asked, 'n') || hasFlag(wish.asked, 'b');
}

function sourceOfSpot(wish: Wish): string {
  return (
    wish.pairs.get('lpp_source') ??
    wish.before['lpp_source'] ??
    (wish.source.startsWith('/') ? `${wish.image}_lpp_source` : wish.source)
  );
}

/**
 * The old documents name the mksysb resource as the image; NIM's names are unique over all classes, so that is
 * possible only where the SPOT has another name.
 */
function nameOf(wish: Wish, kind: string): string {
  const { image, pairs } = wish;
  const named = pairs.get(kind);
  if (named !== undefined) return named;
  if (kind === 'spot') return image;
  if (kind === 'mksysb') {
    const spot = pairs.get('spot') ?? wish.before['spot'];
    return spot !== undefined && spot !== image ? image : `${image}_mksysb`;
  }
  return `${image}_${kind}`;
}

function no(trouble: string, exit = 1): ImagePlan {
  return { trouble, exit };
}
