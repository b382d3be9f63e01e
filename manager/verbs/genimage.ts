import { architectureOf } from '../../shared/distro/architecture.ts';
import { majorOf } from '../../shared/distro/major.ts';
import { unbuildable } from '../../shared/distro/release.ts';
import { attribute, changeFor } from '../../shared/objects/index.ts';
import { imageBuildKind } from '../../shared/task/image-build.ts';
import type { ImageBuildResult, ImageBuildSpec } from '../../shared/task/image-build.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Change, Effect, Json, Report, Requirement } from '../../shared/verb/effect.ts';
import { end } from '../../shared/verb/verb.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { bringLists } from './image/bring-lists.ts';
import type { Retry } from './image/bring-lists.ts';
import { cacheLimit, wrongCacheLimit } from './image/cache-limit.ts';
import {
  builderColumn,
  describe,
  describeProfile,
  environment,
  notNetboot,
  refusal,
  rootimgdirOf,
  usualPkgdir,
  words,
} from './image/description.ts';
import type { Description } from './image/description.ts';
import { dryrunLine, legacyDryrunLine } from './image/dryrun.ts';

interface State {
  readonly image: string;
  readonly server: string;
  readonly rootimgdir: string;
  /** Attributes that the images get which -o -a -p defines in the end; none: the image is there. */
  readonly define?: Readonly<Record<string, string>>;
  readonly retry?: Retry;
  /** Lists of the profile as the management node found them. */
  readonly found?: Readonly<Record<string, string>>;
  readonly [key: string]: Json;
}

/** Options that are written back to the osimage: name of the option, attribute, xCAT's word for it in its remark. */
const writtenBack = [
  ['i', 'nodebootif', 'The primary nic is different from the value in linuximage table, will update it.'],
  ['r', 'otherifce', 'The other ifces are different from  the value in linuximage table, will update it.'],
  ['n', 'netdrivers', 'The netdrivers is different from the value in linuximage table, will update it.'],
  ['k', 'kernelver', 'The kernelver is different from the value in linuximage table, will update it.'],
  ['g', 'krpmver', 'The krpmver is different from the value in linuximage table, will update it.'],
  ['kerneldir', 'kerneldir', 'The kerneldir is different from the value in linuximage table, will update it.'],
  ['permission', 'permission', 'The permission is different from the value in linuximage table, will update it.'],
] as const;

/** Seconds: hours, since emulation and slow mirrors take them. */
const deadline = 4 * 3600;

/** Builds the tree, kernel and initrd of a diskless image on a machine with the role build. */
export const genimage: Verb<State | null> = {
  name: 'genimage',
  version: 1,
  changes: true,
  start(asked, known) {
    const [name] = asked.operands;
    const legacy = ['o', 'a', 'p'].some((option) => hasFlag(asked, option));
    if (name !== undefined) {
      if (!legacy) return fromImage(asked, known, name, [{ do: 'say', text: 'Generating image: \n' }]);
      return end(refusal(asked.server, 'The options -o, -p and -a cannot be used together with an image name.'));
    }
    return legacy ? fromProfile(asked, known) : asksForMore(asked);
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'commit' && report.key === 'define') {
      const failed = report.outcome === 'done' ? undefined : `Error: [${state.server}]: ${report.message}`;
      return failed === undefined
        ? end({ do: 'done', exit: 0 })
        : end({ do: 'refuse', code: 'aborted', message: failed, exit: 1 });
    }
    if (report.about === 'commit') {
      // What was given on the command line is written while the build runs; a build is not worth less without it.
      return report.outcome === 'done'
        ? { state, effects: [] }
        : { state, effects: [{ do: 'say', text: `Warning: [${state.server}]: ${report.message}\n`, error: true }] };
    }
    const brought = bringLists(state, report, known);
    if (brought !== undefined && 'effects' in brought) return brought;
    return ended(state, brought ?? report, known);
  },
};

function fromImage(asked: Asked, known: View, name: string, before: readonly Effect[]): Step<State | null> {
  const refuse = (message: string): Step<null> => end(...before, refusal(asked.server, message));
  const image = describe(known, name);
  if (image === undefined) return refuse(`Cannot find image '${name}' from the osimage table.`);
  const osvers = image.value('osvers');
  const provmethod = image.value('provmethod');
  if ([osvers, image.value('osarch'), image.value('profile'), provmethod].includes('')) {
    return refuse(
      `osimage.osvers, osimage.osarch, osimage.profile and osimage.provmethod must be specified for the image ${name} in the database.`,
    );
  }
  if (provmethod !== 'netboot' && provmethod !== 'statelite') return refuse(notNetboot(name));
  const wrong = wrongMode(asked, osvers);
  if (wrong !== undefined) return refuse(wrong);
  if (image.value('pkglist') === '') {
    return refuse(`A .pkglist file must be specified for image '${name}' in the linuximage table.`);
  }
  const changed = writtenBack.filter(
    ([option, attr]) => hasFlag(asked, option) && optionValue(asked, option) !== image.value(attr),
  );
  const remarks: Effect[] = changed.map(([, , text]) => ({ do: 'say', text: `${text}\n` }));
  const values = Object.fromEntries(changed.map(([option, attr]) => [attr, optionValue(asked, option) ?? '']));
  const commit: Effect[] =
    changed.length === 0
      ? []
      : [{ do: 'commit', key: 'options', changes: [changeFor(known, 'osimage', name, values)] }];
  return build(asked, known, image, { before: [...before, ...remarks], commit });
}

interface Around {
  readonly before: readonly Effect[];
  readonly commit: readonly Effect[];
  readonly define?: Readonly<Record<string, string>>;
}

/** What is the same for an image that is defined and one that will be. */
function build(asked: Asked, known: View, image: Description, around: Around): Step<State | null> {
  const { before, commit, define } = around;
  const refuse = (message: string): Step<null> => end(...before, refusal(asked.server, message));
  const osvers = image.value('osvers');
  if (hasFlag(asked, 'dryrun')) return end(...before, ...dryrun(asked, known, image), { do: 'done', exit: 0 });
  const arch = architectureOf(image.value('osarch'))?.name ?? '';
  const unknown = unbuildable(osvers, image.value('osarch'), siteValue(known, `noderuntime.${arch}`));
  if (unknown !== undefined) return refuse(unknown);
  if (cacheLimit(known) === undefined) return refuse(wrongCacheLimit);
  const spec = specOf(asked, known, image, define !== undefined);
  const task = { key: 'build', kind: imageBuildKind, title: `Build ${image.name}`, spec: { ...spec }, deadline };
  const { pkglist, otherpkglist, postinstall, environment } = spec;
  const search = { osvers, arch: spec.arch, profile: spec.profile };
  const lists = {
    ...{ image: image.name, pkglist, otherpkglist, postinstall, environment, exlist: [] },
    ...(spec.search && { search }),
  };
  const { rootimgdir } = spec;
  return {
    state: {
      ...{ image: image.name, server: asked.server, rootimgdir },
      retry: { task, lists, agent: '', problem: '' },
      ...(define && { define }),
    },
    effects: [
      ...before,
      ...withoutEffect(asked, osvers),
      ...commit,
      { do: 'run', task: { ...task, on: placeFor(asked, known, spec) } },
    ],
  };
}

/**
 * An agent with the architecture and the major release, else one that can run programs of the architecture, else any: it
 * says itself what it lacks. The one that built the image before rather than another: it has the tree, with edits.
 */
function placeFor(asked: Asked, known: View, { image, arch, osvers }: ImageBuildSpec): Requirement {
  const agent = optionValue(asked, 'on');
  const builder = known.reported('osimage', image)?.[builderColumn];
  const release = majorOf(osvers);
  return {
    ...{ role: 'build', arch, cross: true },
    ...(release !== undefined && { release }),
    ...(builder !== undefined && { rather: builder }),
    ...(agent !== undefined && { agent }),
  };
}

function wrongMode(asked: Asked, osvers: string): string | undefined {
  const wrong = hasFlag(asked, 'm') && !/^(?:ubuntu|debian|fedora12)/.test(osvers);
  return wrong ? '-m flag is valid for Ubuntu, Debian and Fedora12 only.' : undefined;
}

/** Options that the original has and that change nothing here, with the reason. */
const idle = [
  ['m', 'every image can be booted stateless; statelite is not yet there.', /./],
  ['interactive', 'a build has no terminal, so the package manager is answered yes.', /./],
  ['noupdate', 'apt takes all packages in their newest version from the start.', /^(?:debian|ubuntu)/],
] as const;

function withoutEffect(asked: Asked, osvers: string): Effect[] {
  return idle.flatMap(([option, why, where]) =>
    hasFlag(asked, option) && where.test(osvers)
      ? [
          {
            do: 'say',
            text: `Warning: [${asked.server}]: -${option.length > 1 ? '-' : ''}${option} has no effect: ${why}\n`,
            error: true,
          },
        ]
      : [],
  );
}

function dryrun(asked: Asked, known: View, image: Description): Effect[] {
  // So does the original: with --interactive there is nothing that could be shown.
  if (hasFlag(asked, 'interactive')) return [];
  return [{ do: 'say', text: `${dryrunLine(asked, image, specOf(asked, known, image, false))}\n` }];
}

/** `-o -a -p`: the osimage that copycds or an earlier genimage named after them. */
function fromProfile(asked: Asked, known: View): Step<State | null> {
  const [osvers, profile] = [optionValue(asked, 'o') ?? '', optionValue(asked, 'p') ?? ''];
  const arch = optionValue(asked, 'a') ?? 'x86_64';
  if (osvers === '' || profile === '') {
    return end(refusal(asked.server, 'Without an image name both -o OSVER and -p PROFILE are needed.'));
  }
  const before: Effect[] = [
    {
      do: 'say',
      text:
        `  OS: ${osvers}\n  Profile: ${profile}\n` +
        'OPTIONAL: Which specific network interface will the image boot from? [<blank>]  No interface specified.  The interface will be determined at network boot time.\n' +
        'Generating image: \n',
    },
  ];
  if (hasFlag(asked, 'dryrun'))
    return end(
      ...before,
      { do: 'say', text: `${legacyDryrunLine(asked, osvers, arch, profile)}\n` },
      { do: 'done', exit: 0 },
    );
  const name = `${osvers}-${arch}-netboot-${profile}`;
  if (describe(known, name) !== undefined) return fromImage(asked, known, name, before);
  const wrong = wrongMode(asked, osvers);
  if (wrong !== undefined) return end(...before, refusal(asked.server, wrong));
  const image = describeProfile(osvers, arch, profile, asked.folders.install);
  const given = writtenBack.flatMap(([option, attr]) =>
    hasFlag(asked, option) ? [[attr, optionValue(asked, option) ?? ''] as const] : [],
  );
  const attributes = ['imagetype', 'profile', 'osname', 'osvers', 'osarch', 'pkgdir', 'otherpkgdir', 'rootimgdir'];
  const define = {
    ...Object.fromEntries(attributes.map((attr) => [attr, image.value(attr)])),
    permission: '755',
    ...Object.fromEntries(given),
  };
  return build(asked, known, image, { before, commit: [], define });
}

/** The original asks on the terminal; a request has no terminal, so the answer is the one it gives at end of input. */
function asksForMore(asked: Asked): Step<null> {
  const text = `Do you want to re-generate an existing image from the osimage table? [y/n] There are no OS repositories in ${asked.folders.install}.  Please run copycds for the OS first.\n`;
  return end({ do: 'say', text }, { do: 'done', exit: 1 });
}

function specOf(asked: Asked, known: View, image: Description, search: boolean): ImageBuildSpec {
  const given = (option: string, attr: string): string => optionValue(asked, option) ?? image.value(attr);
  const mode = siteValue(known, 'nodeagent');
  const arch = architectureOf(image.value('osarch'))?.name ?? image.value('osarch');
  return {
    image: image.name,
    osvers: image.value('osvers'),
    arch,
    profile: image.value('profile'),
    rootimgdir: rootimgdirOf(image, asked),
    pkgdir: words(
      image.value('pkgdir') || usualPkgdir(image.value('osvers'), image.value('osarch'), asked.folders.install),
    ),
    pkglist: image.list('pkglist'),
    otherpkgdir: image.list('otherpkgdir'),
    otherpkglist: image.list('otherpkglist'),
    postinstall: image.list('postinstall'),
    netdrivers: words(given('n', 'netdrivers')),
    kernelver: given('k', 'kernelver'),
    krpmver: given('g', 'krpmver'),
    kerneldir: given('kerneldir', 'kerneldir'),
    driverupdatesrc: image.list('driverupdatesrc'),
    ignorekernelchk: hasFlag(asked, 'ignorekernelchk'),
    permission: given('permission', 'permission') || '755',
    interfaces: [...words(given('i', 'nodebootif')), ...words(given('r', 'otherifce'))],
    rootlimit: optionValue(asked, 'l') ?? '',
    tmplimit: optionValue(asked, 't') ?? '',
    noderuntime: siteValue(known, `noderuntime.${arch}`),
    search,
    environment: environment(image.value('environvar')),
    // A service node serves others, so its agent stays.
    nodeagent: mode === 'stay' || image.value('profile') === 'service' ? 'stay' : 'once',
    onlyinitrd: hasFlag(asked, 'onlyinitrd'),
    noupdate: hasFlag(asked, 'noupdate'),
    fresh: hasFlag(asked, 'fresh'),
    addkcmdline: image.value('addkcmdline'),
    cacheBytes: cacheLimit(known) ?? 0,
  };
}

function siteValue(known: View, name: string): string {
  return attribute(known, 'site', 'clustersite', name)?.value ?? '';
}

function ended(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<State | null> {
  if (report.outcome !== 'done') {
    const message = `Error: [${state.server}]: ${report.message}\nError: [${state.server}]: genimage command failed with rc 1.`;
    return end({ do: 'refuse', code: report.code, message, exit: 1 });
  }
  const result = report.result as unknown as ImageBuildResult;
  const seconds = result.stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const again = result.stages.some((stage) => !stage.cached && stage.name !== 'initrd');
  const text = again
    ? `Built ${state.rootimgdir}/rootimg: ${result.packages} packages, ${megabytes(result.bytes)}, kernel ${result.kernelver} (${seconds.toFixed(0)} s on ${report.agent}).`
    : `${state.rootimgdir}/rootimg is up to date: ${result.packages} packages, kernel ${result.kernelver}; the initrd was made anew.`;
  const effects: Effect[] = [
    { do: 'say', text: `the initial ramdisk for stateless is generated successfully.\n${text}\n` },
  ];
  if (known.has('osimage', state.image)) {
    const before = known.reported('osimage', state.image)?.[builderColumn];
    if (before !== undefined && before !== report.agent) {
      const text = `Warning: [${state.server}]: ${state.image} was built on ${before} before, where its tree stays: edits made in that one are not in this one. genimage --on ${before} builds there again.\n`;
      effects.push({ do: 'say', text, error: true });
    }
    effects.push({ do: 'observe', type: 'osimage', name: state.image, values: { [builderColumn]: report.agent } });
  }
  if (state.define === undefined) return end(...effects, { do: 'done', exit: 0 });
  return { state, effects: [...effects, { do: 'commit', key: 'define', changes: definitions(state, known, result) }] };
}

/** The osimages of -o -a -p: `<osvers>-<arch>-netboot-<profile>` and the same for statelite (facts: genimage, command line). */
function definitions(state: State, known: View, result: ImageBuildResult): Change[] {
  return ['netboot', 'statelite'].map((provmethod) =>
    changeFor(known, 'osimage', state.image.replace('-netboot-', `-${provmethod}-`), {
      ...state.define,
      ...(state.found ?? result.found),
      provmethod,
    }),
  );
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
