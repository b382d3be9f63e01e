import { attribute, attributesOf, commaList, defaultScripts } from '../../../shared/objects/index.ts';
import type { ScriptCall } from '../../../shared/task/scripts.ts';
import type { View } from '../../../shared/verb/view.ts';

/**
 * What xCAT ships and lists in xcatdefaults of every cluster. Hostler ships none of them: where the cluster's
 * administrators have put such a script it runs, where not it is left out, and the node has booted all the same.
 */
const shippedByXcat: readonly string[] = [
  'syslog',
  'remoteshell',
  'syncfiles',
  'otherpkgs',
  'ospkgs',
  'setupntp',
  'servicenode',
];

/** Scripts of a node in order: xcatdefaults, the image's, the node's own and its groups'; each call once. */
export function scriptCalls(
  known: View,
  node: string,
  kind: 'postscripts' | 'postbootscripts',
  osimage: string,
): ScriptCall[] {
  const image = attributesOf(known, 'osimage', osimage).get(kind)?.value ?? '';
  const own = attribute(known, 'node', node, kind)?.value ?? '';
  const calls = new Map<string, ScriptCall>();
  for (const list of [defaultScripts(known)[kind], image, own]) {
    for (const entry of commaList(list)) {
      const [name = '', ...args] = entry.trim().split(/\s+/);
      if (name === '' || calls.has(entry.trim())) continue;
      calls.set(entry.trim(), { name, args, ...(shippedByXcat.includes(name) && { optional: true }) });
    }
  }
  return [...calls.values()];
}
