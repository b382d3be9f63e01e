import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { all, one, type NimCall } from './arguments.ts';
import { free, NimError } from './messages.ts';
import { allocations, checkIdle, need, needType, ready, setState } from './objects.ts';
import { behaviour, path, read, update, type NimObject } from './state.ts';
import { perClient, types } from './types.ts';

const bosAttributes = [
  'bosinst_data',
  'image_data',
  'resolv_conf',
  'script',
  'fb_script',
  'installp_bundle',
  'spot',
  'lpp_source',
  'mksysb',
  'exclude_files',
  'fix_bundle',
  'adapter_def',
];
const plainAttributes = [
  'source',
  'boot_client',
  'no_client_boot',
  'accept_licenses',
  'installp_flags',
  'filesets',
  'set_bootlist',
  'force_push',
  'no_nim_client',
  'preserve_res',
  'physical_loc',
  'async',
  'concurrent',
  'time_limit',
  'auto_expand',
  'verbose',
  'group',
];

/** 13, 14, 24, 25: sets a network installation up; the machine is booted by somebody else. */
export function bosInst(call: NimCall, name: string): void {
  const method = 'm_bos_inst';
  for (const [key] of call.attrs) {
    if (!bosAttributes.includes(key) && !plainAttributes.includes(key))
      throw new NimError(free.badAttribute, method, `"${key}" is not a valid attribute for this operation`);
  }
  const objects = read().objects;
  const machine = need(objects, name, method);
  if (machine.type !== 'standalone')
    throw new NimError(free.notAllowed, method, `the operation is not valid for objects of type "${machine.type}"`);
  checkIdle(machine, method);
  if (machine.attrs['Cstate'] !== ready && !(call.force && behaviour().forceOverridesState))
    throw new NimError(free.wrongState, method, `the state of "${name}" prevents this operation`);
  const source = one(call, 'source') ?? 'rte';
  if (source === 'rte' || source === 'mksysb') {
    const wanted = source === 'rte' ? ['spot', 'lpp_source'] : ['spot', 'mksysb'];
    for (const type of wanted) {
      const given = one(call, type) ?? machine.allocated.find((held) => held.type === type)?.name;
      if (given === undefined)
        throw new NimError('0042-021', method, `the "${type}" attribute is required for this operation`);
      needType(objects, given, type, method);
    }
  } else if (source !== 'spot')
    throw new NimError(free.badAttribute, method, `"${source}" is not a valid value for "source"`);
  const lpp = one(call, 'lpp_source');
  if (source === 'rte' && lpp !== undefined && objects[lpp]?.attrs['simages'] !== 'yes')
    throw new NimError(free.notAllowed, method, `the "${lpp}" resource lacks the simages attribute`);
  allocate(call, name, method, bosAttributes);
  update((db) => {
    const client = need(db.objects, name, method);
    hold(client, 'boot', 'boot');
    hold(client, 'nim_script', 'nim_script');
    client.attrs['Cstate_result'] = 'success';
    client.attrs['control'] = 'master';
    delete client.attrs['err_info'];
    delete client.attrs['info'];
    setState(client, 'BOS installation has been enabled');
  });
  bootFiles(name, one(call, 'spot') ?? '', 'standalone');
  if (
    one(call, 'boot_client') !== 'no' &&
    one(call, 'no_client_boot') !== 'yes' &&
    behaviour().unreachable.includes(name)
  ) {
    process.stderr.write(`0042-006 m_bos_inst: warning: (From_Master) connect Error 79\n        ${name}\n`);
  }
}

/** 15: a diskless or dataless machine; it stays in this state, with its resources, for its whole life. */
export function dklsInit(call: NimCall, name: string, wantedType: 'diskless' | 'dataless'): void {
  const method = wantedType === 'diskless' ? 'm_dkls_init' : 'm_dtls_init';
  const resources = ['spot', 'root', 'shared_root', 'paging', 'dump', 'home', 'shared_home', 'tmp', 'resolv_conf'];
  for (const [key] of call.attrs) {
    if (![...resources, 'size', 'sparse_paging', 'configdump', 'group', 'verbose'].includes(key))
      throw new NimError(free.badAttribute, method, `"${key}" is not a valid attribute for this operation`);
  }
  const machine = need(read().objects, name, method);
  if (machine.type !== wantedType)
    throw new NimError(free.notAllowed, method, `the operation is not valid for objects of type "${machine.type}"`);
  checkIdle(machine, method);
  if (machine.attrs['Cstate'] !== ready)
    throw new NimError(free.wrongState, method, `the state of "${name}" prevents this operation`);
  const needed = wantedType === 'diskless' ? ['spot', 'paging'] : ['spot', 'root'];
  for (const type of needed)
    if (one(call, type) === undefined)
      throw new NimError('0042-021', method, `the "${type}" attribute is required for this operation`);
  const roots = ['root', 'shared_root'].filter((type) => one(call, type) !== undefined);
  if (roots.length !== 1)
    throw new NimError(
      '0042-021',
      method,
      'exactly one of the "root" and "shared_root" attributes is required for this operation',
    );
  if (one(call, 'configdump') !== undefined && one(call, 'dump') === undefined)
    throw new NimError(free.badAttribute, method, 'the "configdump" attribute needs a "dump" resource');
  allocate(call, name, method, resources);
  const objects = read().objects;
  const sharedRoot = one(call, 'shared_root');
  if (sharedRoot !== undefined) {
    const data = join(objects[sharedRoot]?.attrs['location'] ?? '', 'etc/.client_data');
    mkdirSync(data, { recursive: true });
    for (const file of ['hosts', 'filesystems']) writeFileSync(join(data, `${file}.${name}`), `${name}\n`);
  }
  const paging = objects[one(call, 'paging') ?? '']?.attrs['location'];
  if (paging !== undefined) writeFileSync(join(paging, name, 'swapnfs0'), '');
  const root = objects[one(call, 'root') ?? '']?.attrs['location'];
  const from = `${objects[one(call, 'spot') ?? '']?.attrs['location'] ?? ''}/lpp/bos/inst_root`;
  if (root !== undefined) {
    mkdirSync(join(root, name, 'etc'), { recursive: true });
    if (existsSync(from)) cpSync(from, join(root, name), { recursive: true });
  }
  update((db) => {
    const client = need(db.objects, name, method);
    hold(client, 'boot', 'boot');
    client.attrs['control'] = 'master';
    client.attrs['Cstate_result'] = 'success';
    client.attrs['Mstate'] = 'not running';
    setState(client, 'diskless or dataless boot is enabled');
  });
  bootFiles(name, one(call, 'spot') ?? '', wantedType);
}

/** 16: every resource counts once for a client, however often it is named. */
export function allocate(call: NimCall, name: string, method: string, allowed: readonly string[]): void {
  const objects = read().objects;
  const machine = need(objects, name, method);
  const wanted = allowed.flatMap((type) => all(call, type).map((value) => ({ type, name: value })));
  for (const { type, name: resource } of wanted) {
    const object = needType(objects, resource, type, method);
    checkIdle(object, method);
    if (object.attrs['Rstate'] !== 'ready for use')
      throw new NimError(free.wrongState, method, `the "${resource}" resource is not ready for use`);
  }
  update((db) => {
    const client = need(db.objects, name, method);
    for (const { type, name: resource } of wanted) hold(client, type, resource);
    if (wanted.length > 0) client.attrs['control'] = 'master';
    recount(db.objects);
  });
  for (const { type, name: resource } of wanted) {
    const location = objects[resource]?.attrs['location'] ?? '';
    if (perClient.includes(type)) mkdirSync(join(location, machine.name), { recursive: true });
    mkdirSync(path('etc'), { recursive: true });
    appendFileSync(path('etc/exports'), `${location} -ro,root=${name},access=${name}\n`);
  }
}

/** 16, 17: takes resources back; with root and paging the client's folder goes too. */
export function deallocate(call: NimCall, name: string, method = 'm_dealloc'): void {
  const objects = read().objects;
  const machine = need(objects, name, method);
  checkIdle(machine, method);
  const everything = one(call, 'subclass') === 'all';
  const named = call.attrs.filter(([key]) => key !== 'subclass');
  if (!everything && named.length === 0)
    throw new NimError('0042-021', method, 'a resource attribute is required for this operation');
  for (const [type, resource] of named) {
    if (!types[type])
      throw new NimError(free.badAttribute, method, `"${type}" is not a valid attribute for this operation`);
    need(objects, resource, method);
  }
  const gone = machine.allocated.filter(
    (held) => everything || named.some(([type, resource]) => held.type === type && held.name === resource),
  );
  update((db) => {
    const client = need(db.objects, name, method);
    client.allocated = client.allocated.filter(
      (held) => !gone.some((other) => other.type === held.type && other.name === held.name),
    );
    if (client.allocated.length === 0) delete client.attrs['control'];
    recount(db.objects);
  });
  for (const { type, name: resource } of gone) {
    const location = objects[resource]?.attrs['location'] ?? '';
    if (perClient.includes(type) && location !== '') rmSync(join(location, name), { recursive: true, force: true });
    if (type === 'shared_root')
      for (const file of ['hosts', 'filesystems'])
        rmSync(join(location, 'etc/.client_data', `${file}.${name}`), { force: true });
    unexport(location, name);
  }
  if (everything) noBootFiles(name);
}

/** Resets the state only: what is allocated stays (facts, section 4.2). */
export function reset(call: NimCall, name: string): void {
  const object = need(read().objects, name, 'm_reset');
  checkIdle(object, 'm_reset');
  if (object.class !== 'machines' && object.type !== 'spot')
    throw new NimError(free.notAllowed, 'm_reset', `the operation is not valid for objects of type "${object.type}"`);
  if (object.type === 'spot' && allocations(read().objects, name).length > 0 && !call.force)
    throw new NimError(free.inUse, 'm_reset', `the "${name}" resource is currently allocated`);
  update((db) => {
    const target = need(db.objects, name);
    if (target.class === 'machines') {
      setState(target, ready);
      target.attrs['Cstate_result'] = 'reset';
      delete target.attrs['info'];
    } else setState(target, 'ready for use');
  });
}

export function recount(objects: Readonly<Record<string, NimObject>>): void {
  for (const object of Object.values(objects)) {
    if (object.class === 'resources') object.attrs['alloc_count'] = String(allocations(objects, object.name).length);
  }
}

export function noBootFiles(name: string): void {
  const table = path('etc/bootptab');
  if (existsSync(table)) {
    const kept = readFileSync(table, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith(`${name}:`));
    writeFileSync(table, kept.map((line) => `${line}\n`).join(''));
  }
  for (const file of [name, `${name}.info`]) rmSync(path('tftpboot', file), { force: true });
}

function hold(client: NimObject, type: string, name: string): void {
  if (!client.allocated.some((held) => held.type === type && held.name === name)) client.allocated.push({ type, name });
}

function unexport(location: string, name: string): void {
  const exports = path('etc/exports');
  if (!existsSync(exports)) return;
  const kept = readFileSync(exports, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && line !== `${location} -ro,root=${name},access=${name}`);
  writeFileSync(exports, kept.map((line) => `${line}\n`).join(''));
}

/** 25: bootptab, the link to the SPOT's boot image, the info file (facts, section 8). */
function bootFiles(name: string, spot: string, kind: string): void {
  const machine = need(read().objects, name);
  const mac = (machine.attrs['if1'] ?? '').split(' ')[2] ?? '0';
  noBootFiles(name);
  mkdirSync(path('etc'), { recursive: true });
  mkdirSync(path('tftpboot'), { recursive: true });
  appendFileSync(
    path('etc/bootptab'),
    `${name}:bf=/tftpboot/${name}:ip=10.0.0.9:ht=ethernet:${mac === '0' ? '' : `ha=${mac}:`}sa=10.0.0.1:sm=255.255.255.0:\n`,
  );
  symlinkSync(`${spot}.chrp.64.ent`, path('tftpboot', name));
  writeFileSync(
    path('tftpboot', `${name}.info`),
    `#!/bin/sh\nexport NIM_NAME=${name}\nexport NIM_CONFIGURATION=${kind}\nexport RC_CONFIG=${kind === 'standalone' ? 'rc.bos_inst' : 'rc.dd_boot'}\n`,
  );
}
