import type { Json } from '../../../shared/verb/effect.ts';
import type { TaskContext } from '../types.ts';
import { addAgent, agentInput } from './agent-files.ts';
import { attributesPart } from './attributes.ts';
import { configureFormat, configureTree } from './configure.ts';
import { driversPart } from './driver-packages.ts';
import type { PackageWorld } from './family.ts';
import { runtimePart } from './node-runtime.ts';
import type { Build } from './spec.ts';

/** One thing that a stage does to a tree. Adding one is adding a row below. */
export interface TreePart {
  readonly name: string;
  /** Everything that decides what `apply` does, besides the tree. */
  input(build: Build, context: TaskContext): Json | Promise<Json>;
  apply(root: string, build: Build, context: TaskContext): Promise<void>;
}

/** The stage `files`: what makes a tree of packages into one that many machines can boot. */
export function filesParts(world: PackageWorld): readonly TreePart[] {
  return [
    {
      name: 'machine',
      input: (build) => [configureFormat, [...build.release.services]],
      apply: (root, build) => configureTree(root, build.release.services),
    },
    { name: 'sources', input: () => world.inputs.files, apply: (root) => world.configure(root) },
    driversPart,
    attributesPart,
  ];
}

/** The stage `agent`. */
export const agentParts: readonly TreePart[] = [runtimePart, { name: 'agent', input: agentInput, apply: addAgent }];
