import { HostlerError } from '../../../../shared/errors/error.ts';
import { checkedLayout } from '../../../../shared/layout/check.ts';
import { captureReceiveKind, captureSendKind, isTicket } from '../../../../shared/task/capture.ts';
import type { CaptureMount, CaptureReceiveSpec, CaptureSendSpec } from '../../../../shared/task/capture.ts';
import type { StoreAccess } from '../../../../shared/task/blob.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../../image-tree/fields.ts';
import { checkedFolder } from '../../image-tree/folder.ts';

export function checkedSend(spec: Json): CaptureSendSpec {
  const fields = new Fields(spec, captureSendKind);
  return { ticket: ticketOf(fields), store: storeOf(fields), mounts: mountsOf(spec), ...methodOf(spec) };
}

export async function checkedReceive(spec: Json): Promise<CaptureReceiveSpec> {
  const fields = new Fields(spec, captureReceiveKind);
  return {
    image: plainWord(fields.text('image'), 'The image name'),
    agent: plainWord(fields.text('agent'), 'The golden client'),
    ticket: ticketOf(fields),
    tree: await checkedFolder(fields.text('tree'), 'The golden tree'),
    layoutFile: absolutePath(fields.text('layoutFile'), 'The disk layout'),
    layout: checkedLayout((spec as { readonly [key: string]: Json })['layout']),
    mounts: mountsOf(spec),
    osvers: plainWord(fields.text('osvers'), 'The release'),
    arch: plainWord(fields.text('arch'), 'The architecture'),
    store: storeOf(fields),
    ...methodOf(spec),
    foreign: (spec as { foreign?: Json }).foreign === undefined ? [] : fields.texts('foreign').map(foreignPoint),
  };
}

function methodOf(spec: Json): { method?: 'systemimager' } {
  return (spec as { method?: Json }).method === 'systemimager' ? { method: 'systemimager' } : {};
}

function foreignPoint(path: string): string {
  return absolutePath(path, 'A mount point');
}

export function ticketOf(fields: Fields): string {
  const ticket = fields.text('ticket');
  if (!isTicket(ticket)) throw new HostlerError('invalid_argument', 'The capture has no valid ticket.');
  return ticket;
}

function storeOf(fields: Fields): StoreAccess {
  const store = fields.inner('store');
  return { agent: store.text('agent'), endpoints: store.texts('endpoints') };
}

/** Parents first, the root first of all. */
export function mountsOf(spec: Json): CaptureMount[] {
  const list = (spec as { readonly [key: string]: Json })['mounts'];
  if (!Array.isArray(list) || list.length > 64)
    throw new HostlerError('invalid_argument', 'The capture names no mounts.');
  const mounts = list.map((one: Json) => {
    const fields = new Fields(one, 'mount');
    return {
      at: absolutePath(fields.text('at'), 'The mount point'),
      from: absolutePath(fields.text('from'), 'The folder of a file system'),
    };
  });
  const bad = mounts.find(({ at }) => at.split('/').includes('..') || /[[\]*?\\]/.test(at));
  if (bad !== undefined || mounts[0]?.at !== '/') {
    throw new HostlerError('invalid_argument', `The capture cannot take ${bad?.at ?? 'a machine without a root'}.`);
  }
  return mounts;
}
