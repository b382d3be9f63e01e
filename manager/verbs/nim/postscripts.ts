import type { NimPostscripts } from '../../../shared/task/nim.ts';
import type { View } from '../../../shared/verb/view.ts';
import { scriptCalls } from '../boot/script-calls.ts';
import { scriptEnvironment } from '../boot/script-environment.ts';

/** What nodes run at their first boot; what is alike for all of them is told once. */
export function nimPostscripts(
  known: View,
  nodes: readonly { readonly node: string; readonly name: string; readonly image: string }[],
  folder: string,
): NimPostscripts {
  const each = nodes.map(({ node, name, image }) => ({
    name,
    environment: scriptEnvironment(known, node),
    scripts: [...scriptCalls(known, node, 'postscripts', image), ...scriptCalls(known, node, 'postbootscripts', image)],
  }));
  const common = Object.fromEntries(
    Object.entries(each[0]?.environment ?? {}).filter(([key, value]) =>
      each.every(({ environment }) => environment[key] === value),
    ),
  );
  return {
    folder,
    environment: common,
    nodes: each.map((one) => ({
      ...one,
      environment: Object.fromEntries(Object.entries(one.environment).filter(([key]) => !(key in common))),
    })),
  };
}
