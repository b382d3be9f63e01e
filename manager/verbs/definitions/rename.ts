import { objectExists } from '../../../shared/objects/index.ts';
import { clustersite } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { ChangeSet } from './change-set.ts';
import { commit } from './finish.ts';
import { isValidName } from './names.ts';
import type { Request } from './request.ts';
import type { Talk } from './talk.ts';

/** `chdef -n`: one object gets another name with everything it holds. Who refers to it by name is not changed. */
export function rename(request: Request, to: string, view: View, talk: Talk): void {
  const { options, names, types } = request;
  const [type = 'node'] = types;
  const [from = ''] = names;
  const problem = problemOf(request, type, from, to, view);
  if (problem !== undefined) {
    talk.error(problem);
    return;
  }
  if (type !== 'site') {
    const set = new ChangeSet(view);
    move(type, from, to, view, set);
    if (!commit(view, talk, set, options.strict)) return;
  }
  talk.data({ type, from, to });
  talk.line(`Changed the object name from ${from} to ${to}.`);
}

function problemOf(
  { options, names }: Request,
  type: string,
  from: string,
  to: string,
  view: View,
): string | undefined {
  if (!isValidName(to, type)) {
    return `The new object name '${to}' is not valid.Please refer to "man xcatdb" for the valid "xCAT Object Name Format" `;
  }
  if (options.dynamic || options.plus || options.minus || options.stanza || options.where.length > 0) {
    return "Cannot combine '-n' and '-d','-p','-m','-z','-w' options.";
  }
  if (new Set(names).size > 1) return "The '-n' option (changing object name) can only work on one object.";
  if (type === 'site' ? from !== clustersite : !objectExists(view, type, from))
    return `The ${from} is not a valid object.`;
  return objectExists(view, type, to) ? `Object ${to} already exists.` : undefined;
}

function move(type: string, from: string, to: string, view: View, set: ChangeSet): void {
  const row = view.row(type, from);
  // A group that only nodes name has nothing of its own to move.
  if (row === undefined) return;
  set.remove(type, from);
  set.set(type, to, row);
}
