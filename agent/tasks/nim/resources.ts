import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimPairs, NimResourceSpec } from '../../../shared/task/nim.ts';
import { resourceIsReady, type NimMaster } from './master.ts';
import { isHostName } from '../../../shared/boot/address.ts';
import { messageIds, NimFailure } from './messages.ts';
import { checkNimName } from './names.ts';
import { first, type NimObject } from './objects.ts';
import { folderOf, needFileSize, needSpace, needSpaceForCopy, needsOf } from './space.ts';
import { uncertain } from './uncertain.ts';

/** Definitions that take minutes to hours. */
const long: readonly string[] = ['lpp_source', 'spot', 'mksysb'];

/**
 * Check, act, check: a resource of the right name is used only after its type, place and state were looked at; else it
 * is defined, and success is what lsnim shows afterwards. Returns true when it was found.
 */
export async function ensureResource(master: NimMaster, spec: NimResourceSpec): Promise<boolean> {
  checkNimName(spec.name, `the ${spec.type} resource`);
  const found = await master.show(spec.name);
  if (found) {
    checkFound(found, spec);
    if (resourceIsReady(found)) return true;
    if (!long.includes(spec.type) || spec.make === undefined || !(await master.underWay(spec.name)))
      throw halfBuilt(found);
  }
  if (spec.make === undefined) throw notThere(master, spec);
  const { make } = spec;
  // What is under way already has its room, and its client is busy with it.
  if (found === undefined && !(await master.underWay(spec.name))) await prepare(master, spec, make);
  if (make.copyFrom !== undefined) await copyFiles(master, spec, make, make.copyFrom);
  const others = await definedByOthers(master, spec, () => define(master, spec, make));
  if (others) return true;
  if (spec.type === 'spot' && make.copyFrom !== undefined) await checkCopied(master, spec.name);
  const made = await master.show(spec.name);
  if (!made) throw new HostlerError('internal', `NIM reported success, but ${spec.name} is not there.`);
  checkFound(made, spec);
  if (!resourceIsReady(made)) throw halfBuilt(made);
  return false;
}

export function notThere(master: NimMaster, { type, name }: NimResourceSpec): HostlerError {
  return new HostlerError(
    'not_found',
    `There is no ${type} resource named ${name} on ${master.login.name}. Make it first, or leave it out so that one is made.`,
  );
}

/** Two who want the same resource at once: whoever comes second finds it taken, and looks at it as at any that is there. */
async function definedByOthers(master: NimMaster, spec: NimResourceSpec, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (thrown) {
    const cause = thrown instanceof HostlerError ? thrown.cause : undefined;
    if (!(cause instanceof NimFailure) || cause.id !== messageIds.nameTaken) throw thrown;
    const there = await master.show(spec.name);
    if (!there || !resourceIsReady(there)) throw thrown;
    checkFound(there, spec);
    return true;
  }
}

/** Throws where the object of that name is another one than is wanted. */
export function checkFound(found: NimObject, spec: NimResourceSpec): void {
  if (found.type !== spec.type) {
    throw new HostlerError(
      'already_exists',
      `The NIM object ${spec.name} is of type ${found.type}, and a ${spec.type} of that name is wanted; NIM names are unique over all types. Choose another image name.`,
    );
  }
  const location = first(found, 'location');
  if (spec.make !== undefined && location !== spec.make.location) {
    throw new HostlerError(
      'already_exists',
      `The ${spec.type} resource ${spec.name} exists at ${location}, not at ${spec.make.location}. Name it (${spec.type}=${spec.name}) to use it as it is, or remove it.`,
    );
  }
}

export function halfBuilt(object: NimObject): HostlerError {
  return new HostlerError(
    'failed_precondition',
    `The ${object.type} resource ${object.name} exists but is not ready (Rstate "${first(object, 'Rstate')}"): it is being worked on by somebody else, or was left half-built. ` +
      `It is not used. "hostler nim check ${object.name}" shows the steps to recover it.`,
  );
}

type Making = NonNullable<NimResourceSpec['make']>;

async function prepare(master: NimMaster, spec: NimResourceSpec, make: Making): Promise<void> {
  const { type } = spec;
  const parent = type === 'spot' ? folderOf(folderOf(make.location)) : folderOf(make.location);
  await master.tool('mkdir', ['-p', type === 'lpp_source' ? make.location : parent]);
  if (make.copyFrom === undefined) await needSpace(master, await needsOf(master, spec));
  if (type === 'mksysb' && make.fromClient !== undefined) {
    await needFileSize(master);
    await needRunningClient(master, make.fromClient);
  }
  const content = make.template === undefined ? make.content : await edited(master, make.template, make.content ?? '');
  if (content !== undefined) await master.tool('tee', [make.location], { input: content });
}

/** A tree that was made elsewhere gets boot images of its own. What comes of it is seen by its state. */
async function checkCopied(master: NimMaster, name: string): Promise<void> {
  try {
    await master.nimLasting('check', name, []);
  } catch (thrown) {
    master.log(HostlerError.from(thrown).message);
  }
}

/**
 * From another master, in place: a copy that was broken off goes on where it stopped, and is defined only when it is
 * whole. A SPOT goes with the folder around its usr.
 */
async function copyFiles(
  master: NimMaster,
  { type, name }: NimResourceSpec,
  make: Making,
  from: string,
): Promise<void> {
  if (!isHostName(from)) throw new HostlerError('invalid_argument', `"${from}" is not the name of a host.`);
  const folders: Readonly<Record<string, string>> = {
    spot: `${folderOf(make.location)}/`,
    lpp_source: `${make.location}/`,
  };
  const path = folders[type] ?? make.location;
  // It is one word for ssh and, there, for a shell.
  if (!/^[A-Za-z0-9_@%+=:,./-]+$/.test(path))
    throw new HostlerError('invalid_argument', `The files at ${path} cannot be copied: the name has other characters.`);
  await needSpaceForCopy(master, from, path);
  master.log(`Copying ${path} of ${from} for ${name}.`);
  const ran = await master.lasting(`copy-${name}`, 'rsync', [
    ...['-a', '-H', '--numeric-ids', '--delete', '-e', 'ssh -o BatchMode=yes'],
    `${from}:${path}`,
    path,
  ]);
  if (ran.exit !== 0)
    throw new HostlerError(
      'failed_precondition',
      `The files of ${name} could not be copied from ${from} to ${master.login.name}: ${ran.stderr.trim().slice(-1000)}. Root there must be able to log in at ${from} with ssh, without a password, and rsync must be installed on both.`,
    );
}

/** Its backup command is pushed to the client: it must be defined, and up. */
export async function needRunningClient(master: NimMaster, name: string): Promise<void> {
  const client = await master.show(name);
  if (client?.class !== 'machines')
    throw new HostlerError(
      'failed_precondition',
      `${name} is not a NIM client of ${master.login.name}. Define it first: xcat2nim -t node -o ${name}.`,
    );
  if (first(client, 'Mstate') === uncertain.running) return;
  // NIM shows what it saw last; asked, it looks.
  try {
    await master.nim('check', name);
  } catch (thrown) {
    master.log(HostlerError.from(thrown).message);
  }
  const now = await master.show(name);
  const state = now ? first(now, 'Mstate') : '';
  if (state !== uncertain.running)
    throw new HostlerError(
      'failed_precondition',
      `${name} is not running (Mstate "${state}"), and a mksysb is made by the running machine itself. Start it.`,
    );
}

async function define(master: NimMaster, spec: NimResourceSpec, make: Making): Promise<void> {
  const { type, name } = spec;
  const given = type === 'spot' ? folderOf(folderOf(make.location)) : make.location;
  const attributes: NimPairs = [
    ['server', 'master'],
    ['location', given],
    ...make.attributes,
    ...(make.fromClient === undefined
      ? []
      : ([
          ['source', make.fromClient],
          ['mk_image', 'yes'],
        ] as const)),
  ];
  const simple = type === 'mksysb' && make.fromClient === undefined;
  if (long.includes(type) && !simple) await master.nimLasting('define', name, attributes, { type });
  else await master.nim('define', name, attributes, { type });
}

/** The master's own sample with some values replaced, each on a `KEY = value` line. */
async function edited(master: NimMaster, template: NonNullable<Making['template']>, fallback: string): Promise<string> {
  if (!(await master.exists(template.path))) return fallback;
  const sample = await master.tool('cat', [template.path]);
  return sample.replaceAll(/^(\s*)([A-Z_]+)(\s*=\s*)(.*)$/gm, (line, indent: string, key: string, equals: string) => {
    const value = template.values[key];
    return value === undefined ? line : `${indent}${key}${equals}${value}`;
  });
}
