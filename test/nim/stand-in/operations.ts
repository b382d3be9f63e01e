import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { all, one, type NimCall } from './arguments.ts';
import { allocate, bosInst, deallocate, dklsInit, noBootFiles, reset } from './clients.ts';
import { copyRoot, define, release, removeTree } from './define.ts';
import { free, NimError } from './messages.ts';
import { allocations, checkIdle, need, ready, setState } from './objects.ts';
import { behaviour, isRunning, pause, read, update, type NimObject } from './state.ts';
import { baseName, fileOperations, folderOperations, groupOperations, operations, perClient, types } from './types.ts';

/** One operation on one object; groups go member by member. */
export async function operate(call: NimCall, name: string): Promise<void> {
  if (call.op === 'define') return define(call, name);
  const object = need(read().objects, name);
  if (!allowed(object).includes(call.op))
    throw new NimError(
      free.notAllowed,
      'nim',
      `the "${call.op}" operation is not valid for objects of type "${object.type}"`,
    );
  // Two who show the same resource meet a number of their own.
  if (!(call.op === 'showres' && object.busy?.op === 'showres')) checkIdle(object, `m_${call.op}`);
  if (object.class === 'groups' && ['bos_inst', 'reset', 'allocate', 'deallocate', 'cust', 'check'].includes(call.op)) {
    for (const member of object.members) await operate(call, member);
    return;
  }
  switch (call.op) {
    case 'remove':
      remove(call, object);
      return;
    case 'change':
      change(call, object);
      return;
    case 'allocate':
      allocate(call, name, 'm_alloc', Object.keys(types));
      return;
    case 'deallocate':
      deallocate(call, name);
      return;
    case 'reset':
      reset(call, name);
      return;
    case 'bos_inst':
      bosInst(call, name);
      return;
    case 'dkls_init':
      dklsInit(call, name, 'diskless');
      return;
    case 'dtls_init':
      dklsInit(call, name, 'dataless');
      return;
    case 'check':
      checkObject(call, object);
      return;
    case 'showres':
      return showres(object);
    case 'cust':
    case 'maint':
    case 'update':
    case 'sync_roots':
      return long(call, object);
    case 'lslpp':
      if (behaviour().unreachable.includes(name))
        throw new NimError('0042-006', 'm_lslpp', `(To_Client) connect Error 79 ${name}`);
      process.stdout.write(installedList(one(call, 'lslpp_flags') === 'Lc'));
      return;
    default:
      // What nobody here needs is refused, so that no test passes by accident.
      throw new NimError(free.notAllowed, 'nim', `this stand-in does not do "${call.op}"`);
  }
}

function allowed(object: NimObject): readonly string[] {
  if (object.class === 'groups') return groupOperations;
  if (object.class === 'networks') return folderOperations;
  return (
    operations[object.type] ??
    (perClient.includes(object.type) || object.type.startsWith('shared_') ? folderOperations : fileOperations)
  );
}

/** 9, 10, 12: what is in use stays. */
function remove(call: NimCall, object: NimObject): void {
  const objects = read().objects;
  if (['master', 'boot', 'nim_script'].includes(object.name))
    throw new NimError(free.notAllowed, 'm_rm', `the "${object.name}" object cannot be removed`);
  if (object.class === 'machines' && object.allocated.length > 0)
    throw new NimError(
      '0042-052',
      'm_rmmac',
      `the "${object.name}" machine has resources currently allocated for its use and cannot be removed`,
    );
  if (
    object.class === 'resources' &&
    allocations(objects, object.name).length > 0 &&
    !(call.force && behaviour().forceRemovesAllocated)
  ) {
    throw new NimError('0042-061', 'm_rmpdir', `the "${object.name}" resource is currently allocated for client use`);
  }
  if (
    object.class === 'networks' &&
    Object.values(objects).some(({ attrs }) =>
      Object.entries(attrs).some(([key, value]) => /^if\d+$/.test(key) && value.split(' ')[0] === object.name),
    )
  ) {
    throw new NimError(free.inUse, 'm_rmnet', `the "${object.name}" network is used by an interface`);
  }
  if (
    object.type === 'spot' &&
    Object.values(objects).some((other) => other.type === 'shared_root' && other.attrs['spot'] === object.name)
  ) {
    throw new NimError(free.inUse, 'm_rmspot', `the "${object.name}" resource is named by a shared_root`);
  }
  if (object.type === 'spot') removeTree(dirname(object.attrs['location'] ?? '/nonexistent/usr'));
  update((db) => {
    Reflect.deleteProperty(db.objects, object.name);
    for (const other of Object.values(db.objects))
      other.members = other.members.filter((member) => member !== object.name);
  });
  if (object.class === 'machines') noBootFiles(object.name);
}

/** 11: what clients use cannot be changed. */
function change(call: NimCall, object: NimObject): void {
  const objects = read().objects;
  if (object.class === 'resources' && allocations(objects, object.name).length > 0)
    throw new NimError(
      free.inUse,
      'm_chres',
      `the "${object.name}" resource is currently allocated and cannot be changed`,
    );
  if (call.attrs.length === 0) throw new NimError('0042-021', 'm_ch', 'an attribute is required for this operation');
  const master = [
    'nfs_domain',
    'global_export',
    'restrict_nfs_exports',
    'max_nimesis_threads',
    'comments',
    'if',
    'cable_type',
    'routing',
  ];
  const known =
    object.name === 'master'
      ? master
      : [
          ...(types[object.type]?.required ?? []),
          ...(types[object.type]?.optional ?? []),
          'rm_member',
          'routing',
          'Rstate',
          'nfs_vers',
        ];
  for (const [key] of call.attrs)
    if (!known.includes(baseName(key)))
      throw new NimError(free.badAttribute, 'm_ch', `"${key}" is not a valid attribute for this operation`);
  for (const member of [...all(call, 'add_member')]) need(objects, member, 'm_chgrp');
  update((db) => {
    const target = need(db.objects, object.name);
    target.members = [...new Set([...target.members, ...all(call, 'add_member')])].filter(
      (member) => !all(call, 'rm_member').includes(member),
    );
    for (const [key, value] of call.attrs) if (key !== 'add_member' && key !== 'rm_member') target.attrs[key] = value;
  });
}

function checkObject(call: NimCall, object: NimObject): void {
  if (object.type === 'spot' && allocations(read().objects, object.name).length > 0 && !call.force)
    throw new NimError(free.inUse, 'm_check', `the "${object.name}" resource is currently allocated`);
  update((db) => {
    const target = need(db.objects, object.name);
    if (target.class === 'machines')
      target.attrs['Mstate'] = behaviour().unreachable.includes(target.name) ? 'not running' : 'currently running';
    else {
      // A broken tree is not mended by looking at it.
      const whole = target.type !== 'spot' || existsSync(`${target.attrs['location'] ?? ''}/progress`);
      if (!whole)
        throw new NimError(
          '0042-175',
          'c_chkspot',
          `An unexpected result was returned by the "/usr/bin/lppchk" command on "${target.name}"`,
        );
      setState(target, 'ready for use');
      target.attrs['Rstate_result'] = 'success';
    }
  });
}

const showing = new Set(['spot', 'lpp_source']);

/** 20: the master shows a resource to one caller at a time. */
async function showres(object: NimObject): Promise<void> {
  if (!showing.has(object.type)) {
    process.stdout.write(readFileSync(object.attrs['location'] ?? '', 'utf8'));
    return;
  }
  const { name } = object;
  update((db) => {
    const target = need(db.objects, name);
    const other = target.busy;
    if (other?.op === 'showres' && isRunning(other.pid))
      throw new NimError('0042-207', 'm_showres', `Unable to allocate the ${name} resource to master.`);
    target.busy = { pid: process.pid, op: 'showres' };
  });
  await pause(behaviour().showSeconds);
  release(name);
  process.stdout.write(
    '#Package Name:Fileset:Level:State:PTF Id:Fix State:Type:Description:Destination Dir.:Uninstaller:Message Catalog:Message Set:Message Number:Parent:Automatic:EFIX Locked:Install Path:Build Date\n' +
      'bos:bos.rte:7.2.5.0: : :C: :Base Operating System Runtime: : : : : : :0:0:/:\n',
  );
}

/** 28 and others that work for a while. */
async function long(call: NimCall, object: NimObject): Promise<void> {
  if (object.type === 'spot' && call.op !== 'sync_roots' && object.attrs['mksysb_source'] !== undefined)
    throw new NimError(
      free.notAllowed,
      `m_${call.op}`,
      `"${object.name}" was made from a mksysb and cannot be customized`,
    );
  if (
    object.type === 'spot' &&
    call.op !== 'sync_roots' &&
    allocations(read().objects, object.name).length > 0 &&
    !call.force
  )
    throw new NimError(free.inUse, `m_${call.op}`, `the "${object.name}" resource is currently allocated`);
  if (object.class === 'machines' && behaviour().unreachable.includes(object.name))
    throw new NimError('0042-006', `m_${call.op}`, `(To_Client) connect Error 79 ${object.name}`);
  const lpp = one(call, 'lpp_source');
  if (lpp !== undefined) need(read().objects, lpp, `m_${call.op}`);
  update((db) => {
    const target = need(db.objects, object.name);
    target.busy = { pid: process.pid, op: call.op };
    if (target.class === 'machines') setState(target, 'customization is being performed');
  });
  await pause(behaviour().lppSeconds);
  if (call.op === 'sync_roots')
    for (const { type, attrs } of Object.values(read().objects))
      if (type === 'shared_root' && attrs['spot'] === object.name) copyRoot(object.name, attrs['location'] ?? '');
  update((db) => {
    const target = need(db.objects, object.name);
    delete target.busy;
    if (target.class === 'machines') {
      setState(target, ready);
      target.attrs['Cstate_result'] = 'success';
    }
  });
}

/** What lslpp says on a client or in a SPOT, in columns or with colons. */
function installedList(colons: boolean): string {
  const header = colons
    ? '#Package Name:Fileset:Level:State:PTF Id:Fix State:Type:Description'
    : '  Fileset                      Level  State      Description';
  const rows = behaviour().filesets.map((fileset) =>
    colons
      ? `${fileset.split('.').slice(0, 2).join('.')}:${fileset}:7.2.5.0: : :C:F:${fileset}`
      : `  ${fileset.padEnd(27)}7.2.5.0  COMMITTED  ${fileset}`,
  );
  return `${[header, ...rows].join('\n')}\n`;
}
