import { isIP } from 'node:net';
import { expandNoderange } from '../../../shared/noderange/index.ts';
import type { View } from '../../../shared/verb/view.ts';

const longestName = 255;

/**
 * Whether an object of this type may have this name. Nodes: letters, digits, `-`, `_`, or an address; groups: what
 * means itself as a node range; all others: anything that cannot be mistaken for a way out of a folder.
 */
export function isValidName(name: string, type = 'node'): boolean {
  if (name === '' || name.length > longestName || hasControlCharacter(name)) return false;
  if (name.split('/').includes('..')) return false;
  if (type === 'node') return /^[a-zA-Z0-9\-_]+$/.test(name) || isIP(name) !== 0;
  if (type !== 'group') return true;
  // Where a group of that name is defined the range would be its members: what counts is how the name is written.
  if (/^[a-zA-Z0-9_]+$/.test(name) && !/^\d+$/.test(name)) return true;
  const { nodes } = expandNoderange(emptyView, name, { verify: false });
  return nodes.length === 1 && nodes[0] === name;
}

/** A value that would break lists, dumps or generated files. Tabs are harmless. */
export function hasControlCharacter(text: string): boolean {
  return /[\u0000-\u0008\u000a-\u001f\u007f]/.test(text);
}

const emptyView: View = {
  revision: 0,
  row: () => undefined,
  rows: () => [],
  has: () => false,
  count: () => 0,
  reported: () => undefined,
  reportedRows: () => [],
};

/** The two complaints that all commands share. */
export function invalidName(names: string): string {
  // Shown on terminals: what would move their cursor is shown as a question mark.
  const shown = names.replace(/[\u0000-\u001f\u007f]/g, '?');
  return `The object name '${shown}' is invalid, please refer to "man xcatdb" for the valid "xCAT Object Name Format"`;
}

export function dottedName(names: string): string {
  return `The object name '${names}' is invalid, Cannot use '.' in node name.`;
}

export function capitalName(names: string): string {
  return `The node name '${names}' contains capital letters which may not be resolved correctly by the dns server.`;
}
