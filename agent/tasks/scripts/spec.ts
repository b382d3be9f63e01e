import { printable } from '../../../shared/process/printable.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import type { ScriptCall, ScriptsSpec } from '../../../shared/task/scripts.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { isPostscriptName } from '../../store/postscripts.ts';
import { specReader } from '../spec-reader.ts';

const { array, object, text, wrong } = specReader('The task cannot be done');
const mostScripts = 500;

/** The specification, checked: names stay inside the script folder, variables are variables. Throws `invalid_argument`. */
export function parseScriptsSpec(value: Json): ScriptsSpec {
  const spec = object(value, 'the specification');
  return {
    node: text(spec['node'], 'node'),
    store: store(spec['store']),
    postscripts: calls(spec['postscripts'], 'postscripts'),
    postbootscripts: calls(spec['postbootscripts'], 'postbootscripts'),
    environment: environment(spec['environment']),
  };
}

function calls(value: unknown, what: string): ScriptCall[] {
  const list = array(value, what);
  if (list.length > mostScripts) throw wrong(`${what} has ${list.length} entries, the most is ${mostScripts}`);
  return list.map((entry) => {
    const call = object(entry, what);
    const name = text(call['name'], `${what}.name`);
    if (!isPostscriptName(name)) throw wrong(`'${printable(name).slice(0, 100)}' is no name of a postscript`);
    const args = array(call['args'], `${what}.args`).map((arg) => text(arg, `${what}.args`));
    if (args.some((arg) => arg.includes('\0'))) throw wrong(`an argument of ${name} has a NUL byte`);
    return { name, args, ...(call['optional'] === true && { optional: true }) };
  });
}

function environment(value: unknown): Record<string, string> {
  const pairs = Object.entries(object(value, 'environment')).map(([name, content]) => {
    const word = text(content, `environment.${name}`);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw wrong(`'${printable(name).slice(0, 100)}' is no name of a variable`);
    if (word.includes('\0')) throw wrong(`the variable ${name} has a NUL byte`);
    return [name, word] as const;
  });
  return Object.fromEntries(pairs);
}

function store(value: unknown): StoreAccess {
  const access = object(value, 'store');
  return {
    agent: text(access['agent'], 'store.agent'),
    endpoints: array(access['endpoints'], 'store.endpoints').map((one) => text(one, 'store.endpoints')),
  };
}
