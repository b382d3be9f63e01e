import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { all, check, one, type NimCall } from './arguments.ts';
import { free, NimError } from './messages.ts';
import { checkName, need, needType, ready, setState } from './objects.ts';
import { behaviour, path, pause, read, update, type NimObject } from './state.ts';
import { types } from './types.ts';

const methods: Readonly<Record<string, string>> = {
  standalone: 'm_mkmac',
  diskless: 'm_mkmac',
  dataless: 'm_mkmac',
  spot: 'm_mkspot',
  lpp_source: 'm_mklpp',
  mksysb: 'm_mkbosi',
  mac_group: 'm_mkgrp',
  res_group: 'm_mkgrp',
};

export async function define(call: NimCall, name: string): Promise<void> {
  const type = call.type ?? '';
  const rule = types[type];
  if (!rule) throw new NimError(free.badAttribute, 'nim', `"${type}" is not a valid object type`);
  const method = methods[type] ?? (rule.class === 'networks' ? 'm_mknet' : 'm_mkdir');
  checkName(name, method);
  check(call, method, rule.required, [...rule.optional, 'force']);
  const objects = read().objects;
  if (objects[name]) throw new NimError('0042-032', method, `object name must be unique: "${name}"`);
  for (const value of all(call, 'add_member')) need(objects, value, method);
  if (rule.class === 'machines') checkInterfaces(call, method);
  if (rule.class === 'resources') checkResource(call, name, type, method);
  if (type === 'shared_root') needType(objects, one(call, 'spot') ?? '', 'spot', method);
  const object = fresh(call, name, type, rule.class);
  update((db) => {
    if (db.objects[name]) throw new NimError('0042-032', method, `object name must be unique: "${name}"`);
    if (type === 'lpp_source' || type === 'spot' || type === 'mksysb') object.busy = { pid: process.pid, op: 'define' };
    db.objects[name] = object;
  });
  if (rule.class === 'resources') await make(call, object);
}

function fresh(call: NimCall, name: string, type: string, objectClass: NimObject['class']): NimObject {
  const attrs: Record<string, string> = { class: objectClass, type };
  if (objectClass === 'machines') {
    Object.assign(attrs, { connect: 'nimsh', platform: 'chrp', netboot_kernel: '64' });
    for (const [key, value] of call.attrs) attrs[key] = key.startsWith('if') ? networkOf(call, value) : value;
    attrs['cable_type1'] ??= 'N/A';
    delete attrs['net_definition'];
    Object.assign(attrs, { Cstate: ready, prev_state: ready, Mstate: 'currently running' });
  } else if (objectClass === 'networks') {
    Object.assign(attrs, { Nstate: 'ready for use', prev_state: 'ready for use' });
    for (const [key, value] of call.attrs) attrs[key] = value;
  } else if (objectClass === 'resources') {
    Object.assign(attrs, {
      Rstate: 'unavailable for use',
      prev_state: 'unavailable for use',
      location: locationOf(call, name, type),
      alloc_count: '0',
      server: one(call, 'server') ?? 'master',
    });
    for (const key of ['comments', 'nfs_vers', 'nfs_sec', 'spot', 'dumpsize', 'max_dumps', 'snapcollect']) {
      const value = one(call, key);
      if (value !== undefined) attrs[key] = value;
    }
  }
  return { name, class: objectClass, type, attrs, allocated: [], members: all(call, 'add_member') };
}

/** `find_net` looks a network up by address; the net_definition makes one where none fits (facts, section 1). */
function networkOf(call: NimCall, value: string): string {
  const [network = '', ...rest] = value.split(' ');
  if (network !== 'find_net') return value;
  const wanted = (one(call, 'net_definition') ?? '').split(' ');
  const known = Object.values(read().objects).find(
    (object) => object.class === 'networks' && (wanted[1] === undefined || object.attrs['snm'] === wanted[1]),
  );
  if (known) return [known.name, ...rest].join(' ');
  if (wanted.length < 3)
    throw new NimError(free.badAttribute, 'm_mkmac', 'no network fits the interface, and no net_definition was given');
  return update((db) => {
    const name = wanted[4] ?? `${wanted[0] ?? 'ent'}-Network${String(Object.keys(db.objects).length)}`;
    db.objects[name] = {
      name,
      class: 'networks',
      type: wanted[0] ?? 'ent',
      allocated: [],
      members: [],
      attrs: {
        class: 'networks',
        type: wanted[0] ?? 'ent',
        Nstate: 'ready for use',
        prev_state: 'ready for use',
        net_addr: '10.0.0.0',
        snm: wanted[1] ?? '',
        routing1: `default ${wanted[2] ?? ''}`,
      },
    };
    return [name, ...rest].join(' ');
  });
}

function checkInterfaces(call: NimCall, method: string): void {
  for (const [key, value] of call.attrs) {
    if (!/^if\d+$/.test(key)) continue;
    const [network = '', host = '', mac = ''] = value.split(' ');
    if (host === '' || !/^(0|[0-9a-fA-F]{12})$/.test(mac))
      throw new NimError(free.badAttribute, method, `"${value}" is not a valid value for "${key}"`);
    if (behaviour().unresolvable.includes(host))
      throw new NimError(free.badAttribute, method, `the host name "${host}" does not resolve`);
    if (network !== 'find_net') needNetwork(network, method);
  }
}

function needNetwork(name: string, method: string): void {
  const object = need(read().objects, name, method);
  if (object.class !== 'networks') throw new NimError(free.badAttribute, method, `"${name}" is not a network`);
}

/** 21: the SPOT's folder is made below the location and shown with /usr. */
function locationOf(call: NimCall, name: string, type: string): string {
  const location = one(call, 'location') ?? '';
  return type === 'spot' ? join(location, name, 'usr') : location;
}

function checkResource(call: NimCall, name: string, type: string, method: string): void {
  const location = one(call, 'location') ?? '';
  if (!location.startsWith('/')) throw new NimError(free.badAttribute, method, `"${location}" is not an absolute path`);
  if (one(call, 'server') !== 'master') need(read().objects, one(call, 'server') ?? '', method);
  const shown = locationOf(call, name, type);
  for (const other of Object.values(read().objects)) {
    if (other.attrs['location'] === shown)
      throw new NimError('0042-081', method, `the resource "${shown}" already exists on "master"`);
  }
  if (type === 'spot' && !existsSync(location))
    throw new NimError('0042-154', 'c_stat', `the file or directory "${location}" does not exist`);
  const source = one(call, 'source');
  if (type === 'spot' && source !== undefined) checkSpotSource(source, method);
  if (type === 'spot' && source === undefined && !existsSync(shown))
    throw new NimError('0042-154', 'c_stat', `the file or directory "${shown}" does not exist`);
  if (type === 'lpp_source' && source === undefined && !existsSync(location))
    throw new NimError('0042-154', 'c_stat', `the file or directory "${location}" does not exist`);
  if (
    type === 'lpp_source' &&
    source !== undefined &&
    !source.startsWith('/dev/') &&
    source.startsWith('/') &&
    !existsSync(source)
  )
    throw new NimError('0042-154', 'c_stat', `the file or directory "${source}" does not exist`);
  const plain = ![
    'lpp_source',
    'spot',
    'mksysb',
    'root',
    'shared_root',
    'paging',
    'dump',
    'home',
    'tmp',
    'shared_home',
  ].includes(type);
  if (plain && source === undefined && !existsSync(location))
    throw new NimError('0042-154', 'c_stat', `the file or directory "${location}" does not exist`);
  if (type === 'mksysb' && one(call, 'mk_image') !== 'yes' && !existsSync(location))
    throw new NimError('0042-154', 'c_stat', `the file or directory "${location}" does not exist`);
}

function checkSpotSource(source: string, method: string): void {
  if (source.startsWith('/')) {
    if (!existsSync(source))
      throw new NimError('0042-154', 'c_stat', `the file or directory "${source}" does not exist`);
    return;
  }
  const from = need(read().objects, source, method);
  if (!['lpp_source', 'mksysb', 'spot'].includes(from.type))
    throw new NimError(free.badAttribute, method, `"${source}" cannot be a source for a SPOT`);
  if (from.attrs['Rstate'] !== 'ready for use')
    throw new NimError(free.wrongState, method, `the "${source}" resource is not ready for use`);
  if (from.type === 'lpp_source' && from.attrs['simages'] !== 'yes')
    throw new NimError(free.notAllowed, method, `the "${source}" resource lacks the simages attribute`);
  const level = from.attrs['oslevel_r'];
  if (level !== undefined && level.slice(0, 4) > behaviour().oslevel.slice(0, 4))
    throw new NimError(free.notAllowed, method, 'a SPOT cannot be newer than its server');
}

/** 18, 27, 30: the work itself, which takes time and can be interrupted. */
async function make(call: NimCall, object: NimObject): Promise<void> {
  const { type } = object;
  const location = object.attrs['location'] ?? '';
  full(location);
  if (type === 'spot') await makeSpot(call, object);
  else if (type === 'lpp_source') await makeLppSource(call, object);
  else if (type === 'mksysb') await makeMksysb(call, object);
  else if (one(call, 'source') !== undefined) {
    mkdirSync(dirname(location), { recursive: true });
    const from = read().objects[one(call, 'source') ?? '']?.attrs['location'] ?? one(call, 'source') ?? '';
    copyFileSync(from, location);
  } else if (!existsSync(location)) mkdirSync(location, { recursive: true });
  if (type === 'shared_root') {
    mkdirSync(join(location, 'etc/.client_data'), { recursive: true });
    copyRoot(one(call, 'spot') ?? '', location);
  }
  finish(object);
}

/** Roots are made, and refreshed, from what the SPOT has for them. */
export function copyRoot(spot: string, to: string): void {
  const from = `${read().objects[spot]?.attrs['location'] ?? ''}/lpp/bos/inst_root`;
  if (existsSync(from)) cpSync(from, to, { recursive: true });
}

async function makeSpot(call: NimCall, object: NimObject): Promise<void> {
  const usr = object.attrs['location'] ?? '';
  const tree = dirname(usr);
  const adopt = one(call, 'source') === undefined && existsSync(usr);
  mkdirSync(join(usr, 'lpp/bos/inst_root/etc'), { recursive: true });
  if (!adopt) instRoot(join(usr, 'lpp/bos/inst_root'));
  const show = one(call, 'show_progress') !== 'no';
  const say = (text: string): void => {
    if (show) process.stdout.write(`${text}\n`);
  };
  say(`\n Creating SPOT in "${dirname(tree)}" on machine "master" from "${one(call, 'source') ?? ''}" ...\n`);
  say(' Restoring files from BOS image.  This may take several minutes ...');
  const parts = [
    'Installing filesets ...',
    'Checking filesets and network boot images for SPOT.',
    ...(adopt ? [] : [`Creating boot images for SPOT "${object.name}" ...`]),
  ];
  for (const part of parts) {
    await pause(behaviour().spotSeconds / parts.length);
    say(`\n ${part}`);
    appendFileSync(join(usr, 'progress'), `${part}\n`);
  }
  while (behaviour().holdSpots) await pause(0.05);
  mkdirSync(path('tftpboot'), { recursive: true });
  writeFileSync(path('tftpboot', `${object.name}.chrp.64.ent`), 'boot image');
  const source = read().objects[one(call, 'source') ?? ''];
  update((db) => {
    const spot = db.objects[object.name];
    if (!spot) return;
    const level = source?.attrs['oslevel_r'] ?? behaviour().oslevel;
    Object.assign(spot.attrs, {
      version: level.slice(0, 1),
      release: level.slice(1, 2),
      mod: level.slice(2, 3),
      oslevel_r: level,
      if_supported: 'chrp.64 ent',
    });
    if (source?.type === 'mksysb') spot.attrs['mksysb_source'] = source.name;
    spot.attrs['Rstate_result'] = 'success';
  });
}

/** What roots of clients are made from, as far as anybody looks at it. */
function instRoot(root: string): void {
  mkdirSync(join(root, 'etc/security'), { recursive: true, mode: 0o750 });
  writeFileSync(join(root, 'etc/inittab'), 'init:2:initdefault:\nbrc::sysinit:/sbin/rc.boot 3\n');
  writeFileSync(join(root, 'etc/passwd'), 'root::0:0::/:/usr/bin/ksh\ndaemon:!:1:1::/etc:\n');
  const users = 'root:\n\tpassword = *\n\tflags = ADMCHG\n\ndaemon:\n\tpassword = *\n\n';
  writeFileSync(join(root, 'etc/security/passwd'), users, { mode: 0o600 });
}

async function makeLppSource(call: NimCall, object: NimObject): Promise<void> {
  const location = object.attrs['location'] ?? '';
  mkdirSync(join(location, 'installp/ppc'), { recursive: true });
  const source = one(call, 'source');
  if (source !== undefined) {
    await pause(behaviour().lppSeconds);
    const from = read().objects[source]?.attrs['location'] ?? source;
    if (existsSync(from) && statSync(from).isDirectory()) {
      for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
        if (entry.isFile())
          copyFileSync(join(entry.parentPath, entry.name), join(location, 'installp/ppc', basename(entry.name)));
      }
    }
    writeFileSync(join(location, 'installp/ppc/bos'), 'bos image');
  }
  const whole = behaviour().simages;
  update((db) => {
    const lpp = db.objects[object.name];
    if (!lpp) return;
    lpp.attrs['arch'] = 'power';
    if (whole) lpp.attrs['simages'] = 'yes';
  });
  if (!whole)
    process.stderr.write(
      '0042-267 c_mk_lpp_source: warning: The defined lpp_source does not have the\n        "simages" attribute because one or more of the following\n        packages are missing:\n                bos.rte.boot\n',
    );
}

async function makeMksysb(call: NimCall, object: NimObject): Promise<void> {
  const location = object.attrs['location'] ?? '';
  if (one(call, 'mk_image') === 'yes') {
    const client = one(call, 'source') ?? '';
    const machine = need(read().objects, client, 'm_mkbosi');
    if (machine.class !== 'machines')
      throw undo(object, new NimError(free.badAttribute, 'm_mkbosi', `"${client}" is not a machine`));
    if (behaviour().unreachable.includes(client) || machine.attrs['Mstate'] !== 'currently running') {
      throw undo(
        object,
        new NimError(
          '0042-175',
          'c_mkbosi',
          `An unexpected result was returned by the "/usr/sbin/mount" command on "${client}": mount: 1831-008 giving up on: master`,
        ),
      );
    }
    await pause(behaviour().mksysbSeconds);
    if (behaviour().limitedPaths.some((limited) => location.startsWith(limited)))
      throw undo(
        object,
        new NimError(
          '0042-175',
          'c_mkbosi',
          'An unexpected result was returned by the "/usr/bin/mksysb" command: 0512-003 mksysb may not have been able to archive some files. A file cannot be larger than the value set by ulimit.',
        ),
      );
    mkdirSync(dirname(location), { recursive: true });
    writeFileSync(location, `mksysb of ${client}\n`);
  }
  update((db) => {
    const mksysb = db.objects[object.name];
    if (!mksysb) return;
    const level = behaviour().oslevel;
    Object.assign(mksysb.attrs, {
      creation_date: 'Tue Mar 1 10:00:00 2016',
      source_image: one(call, 'source') ?? '',
      arch: 'power',
      version: level.slice(0, 1),
      release: level.slice(1, 2),
      mod: level.slice(2, 3),
      oslevel_r: level,
      oslevel_s: `${level}-01-1543`,
    });
  });
}

function full(location: string): void {
  if (!behaviour().fullPaths.some((prefix) => location.startsWith(prefix))) return;
  const object = Object.values(read().objects).find(({ attrs }) => attrs['location'] === location);
  const error = new NimError(
    '0042-175',
    'c_instspot',
    'An unexpected result was returned by the "/usr/sbin/installp" command: 0503-008 installp: There is not enough free disk space in file system. 0502-040 Cannot write: There is not enough space in the file system.',
  );
  // A SPOT stays half-built; other definitions are taken back.
  if (object?.type === 'spot') {
    mkdirSync(location, { recursive: true });
    release(object.name);
    throw error;
  }
  throw object ? undo(object, error) : error;
}

function undo(object: NimObject, error: NimError): NimError {
  update((db) => {
    Reflect.deleteProperty(db.objects, object.name);
  });
  return error;
}

/** The half-built object stays; nobody works on it any more. */
export function release(name: string): void {
  update((db) => {
    const object = db.objects[name];
    if (object) delete object.busy;
  });
}

function finish(object: NimObject): void {
  update((db) => {
    const made = db.objects[object.name];
    if (!made) return;
    delete made.busy;
    setState(made, 'ready for use');
  });
}

/** For callers that take a tree away with its object. */
export function removeTree(location: string): void {
  rmSync(location, { recursive: true, force: true });
}
