import { HostlerError } from '../../../shared/errors/error.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Change, Json } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { Action } from './action.ts';
import { currentVersion, isDiskless, type ImageVersion, type NoVersion } from './image-version.ts';
import type { NodeFacts } from './node-plan.ts';

/** What is written of a node once its boot servers serve it. */
export interface Target {
  readonly currstate: string;
  readonly currchain: string;
  /** nodetype.provmethod named a diskless image, which is taken back. */
  readonly blank: boolean;
  readonly image: TargetImage | null;
  readonly [key: string]: Json;
}

interface TargetImage {
  readonly name: string;
  readonly os: string;
  readonly arch: string;
  readonly profile: string;
  readonly digest: string;
  readonly [key: string]: Json;
}

export type Setting = Exclude<Action, { to: 'stat' }>;

/** Answers what each node is to be; looks at every image once. */
export class Targets {
  readonly #asked: Asked;
  readonly #known: View;
  readonly #action: Setting;
  readonly #versions = new Map<string, ImageVersion | NoVersion>();

  constructor(asked: Asked, known: View, action: Setting) {
    this.#asked = asked;
    this.#known = known;
    this.#action = action;
  }

  /** For osimage without a packed version: the trouble. Throws in xCAT's words when the image itself is at fault. */
  of(node: NodeFacts): { target: Target; version?: ImageVersion } | NoVersion {
    const { to, rest } = this.#action;
    const currchain = rest.join(',');
    if (to !== 'osimage') {
      const blank = to === 'boot' && isDiskless(this.#known, node.value('provmethod'));
      return { target: { currstate: to, currchain, blank, image: null } };
    }
    const name = this.#action.image || node.value('provmethod');
    if (name === '') {
      throw new HostlerError('invalid_argument', 'OS image name must be specified in nodetype.provmethod');
    }
    const version = this.#version(name);
    if ('trouble' in version) return version;
    const { image, digest, state } = version;
    const [os, arch, profile] = [image.value('osvers'), image.value('osarch'), image.value('profile')];
    return {
      target: { currstate: state, currchain, blank: false, image: { name, os, arch, profile, digest } },
      version,
    };
  }

  #version(name: string): ImageVersion | NoVersion {
    const known = this.#versions.get(name);
    if (known) return known;
    const found = currentVersion(this.#known, name, this.#asked.server, this.#asked.folders.install);
    if ('trouble' in found && !found.everyNode) throw new HostlerError('failed_precondition', found.trouble);
    this.#versions.set(name, found);
    return found;
  }
}

/** The change of one node; `hostler.image` pins the version that it is to run. */
export function changeFor(name: string, { currstate, currchain, blank, image }: Target): Change {
  const values: Record<string, string | null> = {
    'chain.currstate': currstate,
    'chain.currchain': currchain === '' ? null : currchain,
    'hostler.image': image?.digest ?? null,
  };
  if (blank) values['nodetype.provmethod'] = '';
  if (image) {
    values['nodetype.provmethod'] = image.name;
    values['nodetype.os'] = image.os;
    values['nodetype.arch'] = image.arch;
    values['nodetype.profile'] = image.profile;
  }
  return { type: 'node', name, values };
}
