import { free, NimError, translated } from './messages.ts';
import { need } from './objects.ts';
import { read, type NimObject } from './state.ts';
import { baseName, fileOperations, folderOperations, numbered, operations, perClient, types } from './types.ts';

interface Options {
  readonly letters: ReadonlySet<string>;
  readonly attrs: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly names: readonly string[];
}

/** 22, 23: every listing that callers use. Returns what goes to stdout. */
export function lsnim(argv: readonly string[]): string {
  const options = parse(argv);
  const { letters, names, values } = options;
  if (letters.has('A')) return nextNumber(values['A'] ?? '', names[0] ?? '');
  if (letters.has('q')) return asked(values['q'] ?? '', values['t'] ?? typeOf(names[0]));
  if (letters.has('p') || letters.has('P') || letters.has('O')) return predefined(options);
  const objects = read().objects;
  if (values['c'] === 'resources' && names.length === 1) {
    const client = need(objects, names[0] ?? '', 'lsnim', true);
    if (client.class === 'machines') return columns(client.allocated.map(({ name, type }) => [name, type]));
  }
  const chosen = (
    names.length > 0 ? names.map((name) => need(objects, name, 'lsnim', true)) : Object.values(objects)
  ).filter(
    (object) =>
      (values['c'] === undefined || object.class === values['c']) &&
      (values['t'] === undefined || object.type === values['t']),
  );
  if (letters.has('L')) return usable(objects, chosen, values['t']);
  if (letters.has('g')) return chosen.map((object) => membersOf(objects, object)).join('');
  if (letters.has('m')) {
    const members = chosen.flatMap((object) => object.members.map((name) => need(objects, name, 'lsnim', true)));
    if (letters.has('l')) return members.map(stanza).join('');
    return columns(members.map((object) => [object.name, object.class, object.type]));
  }
  if (letters.has('F') && options.attrs.length > 0 && chosen.every((object) => isUnset(object, options.attrs)))
    return '';
  if (letters.has('Z')) return chosen.length === 0 ? '' : colons(chosen, options.attrs);
  if (options.attrs.length > 0)
    return chosen.map((object) => chosenStanza(object, options.attrs, names.length > 0)).join('');
  if (letters.has('l')) return chosen.map(stanza).join('');
  return columns(chosen.map((object) => [object.name, object.class, object.type]));
}

function parse(argv: readonly string[]): Options {
  const letters = new Set<string>();
  const attrs: string[] = [];
  const values: Record<string, string> = {};
  const names: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-')) {
      names.push(word);
      continue;
    }
    for (let index = 1; index < word.length; index++) {
      const letter = word[index] ?? '';
      if (!'ctslaZOqpPSLgmAF'.includes(letter))
        throw new NimError(free.usage, 'lsnim', `"-${letter}" is not a valid option`, { bare: true, exit: 2 });
      letters.add(letter);
      if ('ctsaqA'.includes(letter)) {
        const value = index + 1 < word.length ? word.slice(index + 1) : argv[++at];
        if (value === undefined)
          throw new NimError(free.usage, 'lsnim', `option -${letter} needs a value`, { bare: true, exit: 2 });
        if (letter === 'a') attrs.push(value);
        else values[letter] = value;
        break;
      }
    }
  }
  return { letters, attrs, values, names };
}

/** Attributes and allocations in printing order; a type that is allocated twice has two lines. */
function lines(object: NimObject): [string, string][] {
  const all: [string, string][] = Object.entries(object.attrs);
  for (const { type, name } of object.allocated) all.push([type, name]);
  if (object.members.length > 0)
    object.members.forEach((member, index) => all.push([`member${String(index + 1)}`, member]));
  return all;
}

function stanza(object: NimObject): string {
  const all = lines(object);
  const width = Math.max(...all.map(([key]) => key.length)) + 1;
  return `${object.name}:\n${all.map(([key, value]) => `   ${key.padEnd(width)}= ${shown(key, value)}\n`).join('')}`;
}

function chosenStanza(object: NimObject, attrs: readonly string[], always: boolean): string {
  const wanted = lines(object).filter(([key]) => attrs.includes(key) || attrs.includes(baseName(key)));
  if (wanted.length === 0 && !always) return '';
  return `${object.name}:\n${wanted.map(([key, value]) => `   ${key} = ${shown(key, value)}\n`).join('')}`;
}

/** The header names all that was asked for; unset ones are dropped from the data line only. */
function colons(objects: readonly NimObject[], attrs: readonly string[]): string {
  const header = `#name:${attrs.length > 0 ? attrs.join(':') : 'class:type'}:\n`;
  const wanted = attrs.length > 0 ? attrs : ['class', 'type'];
  const data = objects.map((object) => {
    const fields = wanted.flatMap((attr) =>
      lines(object)
        .filter(([key]) => key === attr || baseName(key) === attr)
        .map(([key, value]) => (/^(if|routing)\d+$/.test(key) ? value.replaceAll(' ', ':') : shown(key, value))),
    );
    return `${[object.name, ...fields].join(':')}:\n`;
  });
  return header + data.join('');
}

function shown(key: string, value: string): string {
  return /state$|^info$|_result$/.test(key) ? translated(value) : value;
}

/** -F: what is not set is answered with nothing at all. */
function isUnset(object: NimObject, attrs: readonly string[]): boolean {
  return !lines(object).some(([key]) => attrs.includes(key) || attrs.includes(baseName(key)));
}

/** -L: what the machine could be given: every resource that is ready. */
function usable(objects: Readonly<Record<string, NimObject>>, machines: readonly NimObject[], type?: string): string {
  if (machines.some((object) => object.class !== 'machines'))
    throw new NimError(free.notAllowed, 'lsnim', 'only a machine can be given resources', { bare: true });
  const ready = Object.values(objects).filter(
    (object) =>
      object.class === 'resources' &&
      object.attrs['Rstate'] === 'ready for use' &&
      object.attrs['reserved'] === undefined &&
      (type === undefined || object.type === type),
  );
  return columns(ready.map(({ name, type: kind }) => [name, kind]));
}

/** -g: a group and where its members stand. */
function membersOf(objects: Readonly<Record<string, NimObject>>, group: NimObject): string {
  if (group.class !== 'groups') return '';
  const members = group.members.map((name) => need(objects, name, 'lsnim', true));
  const width = Math.max(0, ...members.map(({ name }) => name.length)) + 1;
  const states = members.map(
    (m) => `   ${m.name.padEnd(width)} ${m.type} ${shown('Cstate', m.attrs['Cstate'] ?? '')}\n`,
  );
  return `${group.name}:\n${states.join('')}`;
}

function columns(rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const first = Math.max(...rows.map(([name = '']) => name.length)) + 5;
  const second = Math.max(...rows.map(([, middle = '']) => middle.length)) + 7;
  return rows
    .map(([name = '', middle = '', last]) =>
      last === undefined
        ? `${name.padEnd(first)}${middle}\n`
        : `${name.padEnd(first)}${middle.padEnd(second)}${last}\n`,
    )
    .join('');
}

/** The next free number of if, routing ... and nothing else. */
function nextNumber(attribute: string, name: string): string {
  const object = need(read().objects, name, 'lsnim', true);
  if (!numbered.includes(attribute))
    throw new NimError(free.badAttribute, 'lsnim', `"${attribute}" does not take a sequence number`, { bare: true });
  let number = 1;
  while (object.attrs[`${attribute}${String(number)}`] !== undefined) number++;
  return `${String(number)}\n`;
}

function typeOf(name: string | undefined): string {
  return need(read().objects, name ?? '', 'lsnim', true).type;
}

function asked(operation: string, type: string): string {
  const rule = types[type];
  if (!rule) throw new NimError(free.badAttribute, 'lsnim', `"${type}" is not a valid object type`, { bare: true });
  const required = operation === 'define' ? rule.required : [];
  const optional = operation === 'define' ? rule.optional : ['verbose'];
  const list = (attrs: readonly string[]): string => attrs.map((attr) => `    -a ${attr}=<value>\n`).join('');
  return `the following attributes are required:\n${list(required)}the following attributes are optional:\n${list(optional)}`;
}

function predefined({ letters, values, names }: Options): string {
  if (letters.has('O')) {
    const type = values['t'] ?? typeOf(names[0]);
    const list =
      operations[type] ?? (perClient.includes(type) || type.startsWith('shared_') ? folderOperations : fileOperations);
    const help = letters.has('P');
    const width = Math.max(...list.map((op) => op.length)) + 1;
    return `${type}:\n${list.map((op) => (help ? `   ${op.padEnd(width)}= ${op} an object\n` : `   ${op}\n`)).join('')}`;
  }
  const wanted = values['c'] ?? '';
  if (wanted === '') return 'machines\nnetworks\nresources\ngroups\nmanagement\n';
  const list = Object.entries(types).filter(([, rule]) => rule.class === wanted);
  const width = Math.max(...list.map(([type]) => type.length)) + 1;
  return list
    .map(([type, rule]) => (letters.has('P') ? `${type.padEnd(width)}= ${rule.help}\n` : `${type}\n`))
    .join('');
}
