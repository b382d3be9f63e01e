import { clonePackKind } from '../../../shared/task/clone.ts';
import type { ClonePackSpec } from '../../../shared/task/clone.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import type { Json, TaskRequest } from '../../../shared/verb/effect.ts';
import type { Description } from './description.ts';
import { words } from './description.ts';

/** Seconds. */
const deadline = 4 * 3600;

/** Where the trees and what belongs to them lie: the folder above `images`, as xCAT has it. */
export function cloneFolders(image: Description, install: string): { readonly tree: string; readonly layout: string } {
  const tree = image.value('rootimgdir') || `${install}/sysclone/images/${image.name}`;
  const above = tree.split('/').slice(0, -2).join('/');
  return { tree, layout: image.value('partitionfile') || `${above}/scripts/${image.name}.layout.json` };
}

/** Packs the golden tree where it lies: with the agent that captured it, which has the role store. */
export function clonePackTask(image: Description, install: string, store: StoreAccess): TaskRequest {
  const spec: ClonePackSpec = {
    image: image.name,
    ...cloneFolders(image, install),
    osvers: image.value('osvers'),
    arch: image.value('osarch'),
    netdrivers: words(image.value('netdrivers')),
    store: { agent: store.agent, endpoints: [] },
  };
  return {
    key: 'pack',
    kind: clonePackKind,
    title: `Pack ${image.name}`,
    on: { role: 'store', agent: store.agent },
    spec: spec as unknown as Json,
    deadline,
    lock: `clone:${image.name}`,
    refuseIfLocked: `${image.name} is being captured or packed already. Wait for its end.`,
  };
}
