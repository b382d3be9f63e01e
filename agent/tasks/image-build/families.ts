import { HostlerError } from '../../../shared/errors/error.ts';
import { aptFamily } from './apt/world.ts';
import type { PackageFamily } from './family.ts';
import { dnfFamily } from './rpm/dnf.ts';
import { zypperFamily } from './rpm/zypper.ts';
import type { Build } from './spec.ts';

/** How packages get into trees, by the program that makes the first one. */
const families: Readonly<Partial<Record<Build['release']['bootstrap'], PackageFamily>>> = {
  mmdebstrap: aptFamily,
  dnf: dnfFamily,
  zypper: zypperFamily,
};

export function familyOf(build: Build): PackageFamily {
  const family = families[build.release.bootstrap];
  if (family !== undefined) return family;
  throw new HostlerError('unimplemented', `Images of ${build.osvers} cannot be built yet.`);
}
