import { free, NimError } from './messages.ts';
import { isRunning, read, type NimObject } from './state.ts';

type Objects = Readonly<Record<string, NimObject>>;

/** 6: an object that the call names, as target or as a value. */
export function need(objects: Objects, name: string, method = 'nim', bare = false): NimObject {
  const object = objects[name];
  if (object === undefined)
    throw new NimError('0042-053', method, `there is no NIM object named "${name}"`, { bare, exit: 53 });
  return object;
}

export function needType(objects: Objects, name: string, type: string, method: string): NimObject {
  const object = need(objects, name, method);
  if (object.type !== type)
    throw new NimError(free.badAttribute, method, `"${name}" is not an object of type "${type}"`);
  return object;
}

/** 2: 1 to 39 of letters, digits, - _ ! */
export function checkName(name: string, method: string): void {
  if (!/^[A-Za-z0-9_!-]{1,39}$/.test(name))
    throw new NimError(free.badName, method, `"${name}" is not a valid NIM object name`);
}

/** 19: somebody alive works on it. */
export function checkIdle(object: NimObject, method: string): void {
  if (object.busy && object.busy.pid !== process.pid && isRunning(object.busy.pid)) {
    throw new NimError(free.busy, method, `the "${object.name}" object is locked by "${object.busy.op}"`);
  }
}

/** How many clients hold the resource. */
export function allocations(objects: Objects, resource: string): string[] {
  return Object.values(objects)
    .filter((object) => object.allocated.some(({ name }) => name === resource))
    .map(({ name }) => name);
}

export function setState(object: NimObject, state: string): void {
  const key = object.class === 'machines' ? 'Cstate' : object.class === 'networks' ? 'Nstate' : 'Rstate';
  if (object.attrs[key] === state) return;
  object.attrs['prev_state'] = object.attrs[key] ?? state;
  object.attrs[key] = state;
}

/** 1: nothing works before the master is set up. */
export function needConfigured(program: string): void {
  if (!read().configured)
    throw new NimError(free.notConfigured, program, 'this machine is not configured as a NIM master', {
      bare: true,
      exit: 1,
    });
}

export const ready = 'ready for a NIM operation';
