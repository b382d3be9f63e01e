import { HostlerError } from '../../../../shared/errors/error.ts';
import type { GoldenVersion } from '../../../../shared/task/clone-tree.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { isDigest } from '../../../store/digest.ts';
import { Fields, plainWord } from '../../image-tree/fields.ts';
import { checkedFolder } from '../../image-tree/folder.ts';

export async function checkedVersion(spec: Json, what: string): Promise<GoldenVersion> {
  const fields = new Fields(spec, what);
  const store = fields.inner('store');
  return {
    image: plainWord(fields.text('image'), 'The image name'),
    tree: await checkedFolder(fields.text('tree'), 'The golden tree'),
    root: digestField(fields, 'root'),
    facts: digestField(fields, 'facts'),
    store: { agent: store.text('agent'), endpoints: store.texts('endpoints') },
  };
}

function digestField(fields: Fields, name: string): string {
  const value = fields.text(name);
  if (!isDigest(value))
    throw new HostlerError('invalid_argument', `The task cannot be done: ${name} must be a sha256.`);
  return value;
}
