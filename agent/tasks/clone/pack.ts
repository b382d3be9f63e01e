import { clonePackKind, clonePackVersion } from '../../../shared/task/clone.ts';
import type { ClonePackSpec } from '../../../shared/task/clone.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import { checkedFolder } from '../image-tree/folder.ts';
import type { TaskKind } from '../types.ts';
import { packWorkTree } from './generations/pack.ts';

/** Makes of a golden tree what nodes are installed from: the packed tree, facts about it, kernel and installer. */
export const clonePack: TaskKind = {
  kind: clonePackKind,
  version: clonePackVersion,
  roles: ['store'],
  run: async (context) => {
    const spec = await checkedSpec(context.spec);
    const kept = `Make room for the agent's home ${context.home}; earlier versions of the image are still there.`;
    return explainingFullDisk(`The packing of ${spec.image}`, kept, () => packWorkTree(spec, context));
  },
};

async function checkedSpec(spec: Json): Promise<ClonePackSpec> {
  const fields = new Fields(spec, clonePackKind);
  const store = fields.inner('store');
  return {
    image: plainWord(fields.text('image'), 'The image name'),
    tree: await checkedFolder(fields.text('tree'), 'The golden tree'),
    layout: absolutePath(fields.text('layout'), 'The disk layout'),
    osvers: plainWord(fields.text('osvers'), 'The release'),
    arch: plainWord(fields.text('arch'), 'The architecture'),
    netdrivers: fields.texts('netdrivers').map((name) => plainWord(name, 'The network driver')),
    store: { agent: store.text('agent'), endpoints: store.texts('endpoints') },
  };
}
