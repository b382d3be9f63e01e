import { isAbsolute, normalize } from 'node:path';
import { isHostName } from '../../../shared/boot/address.ts';
import { printable } from '../../../shared/process/printable.ts';
import {
  type FileCheck,
  type FilesSpec,
  type FileToPlace,
  type HostsChange,
  type KnownHostsChange,
  type ReloadedUnit,
  reloadedUnits,
} from '../../../shared/task/files.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { specReader } from '../spec-reader.ts';

const { array, object, text, wrong } = specReader('The files cannot be placed');
const mostFiles = 5_000;
const checkers = ['dnsmasq', 'kea-dhcp4', 'dhcpd', 'named-checkconf'] as const;

/** The specification, checked: paths are plain and absolute, lines are lines. Throws `invalid_argument`. */
export function parseFilesSpec(value: Json): FilesSpec {
  const spec = object(value, 'the specification');
  const files = array(spec['files'], 'files').map(file);
  if (files.length === 0 || files.length > mostFiles) throw wrong(`it names ${files.length} files`);
  if (new Set(files.map(({ path }) => path)).size < files.length) throw wrong('it names a file twice');
  return { files, reload: array(spec['reload'], 'reload').map(unit) };
}

function file(value: unknown): FileToPlace {
  const given = object(value, 'a file');
  const path = text(given['path'], 'path');
  if (!isAbsolute(path) || normalize(path) !== path || path.endsWith('/') || /[\u0000-\u001f]/.test(path)) {
    throw wrong(`'${printable(path).slice(0, 200)}' is no plain absolute path`);
  }
  if (given['hosts'] !== undefined) return { path, hosts: hosts(given['hosts']) };
  if (given['knownHosts'] !== undefined) return { path, knownHosts: knownHosts(given['knownHosts']) };
  const mode = given['mode'];
  if (typeof mode !== 'number' || !Number.isInteger(mode) || (mode & ~0o644) !== 0) {
    throw wrong(`${path} may not have the mode ${String(mode)}`);
  }
  const check = given['check'];
  return {
    path,
    content: text(given['content'], 'content'),
    mode,
    ...(check !== undefined && { check: checkOf(check) }),
  };
}

function hosts(value: unknown): HostsChange {
  const change = object(value, 'hosts');
  const remove = array(change['remove'], 'remove').map((word) => text(word, 'remove'));
  const put = array(change['put'], 'put').map((line) => text(line, 'put'));
  const bad = put.find((line) => /[\u0000-\u0008\u000a-\u001f#]/.test(line) || line.trim() === '');
  if (bad !== undefined) throw wrong(`'${printable(bad).slice(0, 200)}' is no line of a hosts file`);
  return { clear: change['clear'] === true, remove, put };
}

function knownHosts(value: unknown): KnownHostsChange {
  const change = object(value, 'knownHosts');
  return {
    forget: array(change['forget'], 'forget').map(hostWord),
    scan: array(change['scan'], 'scan').map((one) => {
      const { address, names } = object(one, 'scan');
      return { address: hostWord(address), names: array(names, 'names').map(hostWord) };
    }),
  };
}

/** A name or an address: nothing that ssh-keyscan or known_hosts would read otherwise. */
function hostWord(value: unknown): string {
  const word = text(value, 'a host');
  if (/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}$/.test(word)) return word;
  throw wrong(`'${printable(word).slice(0, 100)}' is no host`);
}

function checkOf(value: unknown): FileCheck {
  const check = object(value, 'check');
  const by = check['by'];
  if (by === 'named-checkzone') {
    const zone = text(check['zone'], 'zone');
    if (!isHostName(zone)) throw wrong(`'${printable(zone).slice(0, 200)}' is no zone`);
    return { by, zone };
  }
  const known = checkers.find((name) => name === by);
  if (known === undefined) throw wrong(`nothing is checked by '${String(by).slice(0, 50)}'`);
  return { by: known };
}

function unit(value: unknown): ReloadedUnit {
  const known = reloadedUnits.find((name) => name === value);
  if (known === undefined) throw wrong(`'${String(value).slice(0, 50)}' is not reloaded`);
  return known;
}
