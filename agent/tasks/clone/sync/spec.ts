import { HostlerError } from '../../../../shared/errors/error.ts';
import { isOverrideName } from '../../../../shared/clone/pieces.ts';
import { isTicket } from '../../../../shared/task/capture.ts';
import { cloneServeKind, cloneSyncKind } from '../../../../shared/task/clone-sync.ts';
import type { CloneServeSpec, CloneSyncSpec, SyncAbout } from '../../../../shared/task/clone-sync.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { isDigest } from '../../../store/digest.ts';
import { absolutePath, Fields, plainWord } from '../../image-tree/fields.ts';
import { checkedVersion } from '../generations/spec.ts';

const mostTakers = 20_000;

export async function checkedServe(spec: Json): Promise<CloneServeSpec> {
  const fields = new Fields(spec, cloneServeKind);
  const of = spec as { readonly [key: string]: Json };
  const list = of['takers'];
  if (!Array.isArray(list) || list.length > mostTakers)
    throw new HostlerError('invalid_argument', 'The task cannot be done: takers must be a list.');
  const pieces = fields.text('pieces');
  if (pieces !== '' && !isDigest(pieces))
    throw new HostlerError('invalid_argument', 'The task cannot be done: pieces must be a sha256.');
  return {
    version: await checkedVersion(of['version'] ?? null, `${cloneServeKind}.version`),
    pieces,
    takers: list.map((one: Json) => {
      const taker = new Fields(one, `${cloneServeKind}.takers`);
      return {
        node: plainWord(taker.text('node'), 'The node'),
        groups: taker.texts('groups').filter(isOverrideName),
        ticket: ticketOf(taker),
      };
    }),
  };
}

export function checkedSync(spec: Json): CloneSyncSpec {
  const fields = new Fields(spec, cloneSyncKind);
  const store = fields.inner('store');
  const root = fields.text('root');
  if (!isDigest(root)) throw new HostlerError('invalid_argument', 'The task cannot be done: root must be a sha256.');
  return {
    image: plainWord(fields.text('image'), 'The image name'),
    root,
    ticket: ticketOf(fields),
    store: { agent: store.text('agent'), endpoints: store.texts('endpoints') },
    target: absolutePath(fields.text('target'), 'The target').replace(/\/+$/, ''),
  };
}

export function checkedAbout(value: Json): SyncAbout {
  const fields = new Fields(value, 'sync');
  const { format, overrides } = value as { readonly [key: string]: Json };
  if (format !== 1 || typeof overrides !== 'number' || !Number.isInteger(overrides) || overrides < 0 || overrides > 64)
    throw new HostlerError('failed_precondition', 'The image server speaks another version: upgrade the older agent.');
  return { format: 1, exclude: fields.texts('exclude'), mounts: fields.texts('mounts'), overrides };
}

function ticketOf(fields: Fields): string {
  const ticket = fields.text('ticket');
  if (!isTicket(ticket)) throw new HostlerError('invalid_argument', 'The task has no valid ticket.');
  return ticket;
}
