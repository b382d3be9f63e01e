import type { Registry } from '../../manager/registry/types.ts';
import type { Report } from './history.ts';
import { installationOf, installing } from './reports.ts';

interface Node {
  readonly name: string;
  /** What nodeset asked for. */
  readonly currstate: string;
}

const administrator = { user: 'root', command: 'nodeset', correlation: 'sim', at: 0 };

export function define(registry: Pick<Registry, 'commit'>, nodes: readonly Node[]): Promise<unknown> {
  const values = (name: string, currstate: string) => ({ 'nodelist.node': name, 'chain.currstate': currstate });
  const changes = nodes.map(({ name, currstate }) => ({ type: 'node', name, values: values(name, currstate) }));
  return registry.commit(administrator, changes);
}

/**
 * Whatever was installed is to be installed again at once, until the signal: an agent that counts twice for saying so makes
 * another revision. Resolves when it has begun, and what was installed before is to be installed again.
 */
export async function installAgain(registry: Registry, signal: AbortSignal): Promise<void> {
  const from = registry.view.revision + 1;
  const before = [...registry.view.rows('node')].flatMap(([name, row]) =>
    row['chain.currstate'] === 'boot' ? [{ name, currstate: installing }] : [],
  );
  await define(registry, before);
  const again = async (): Promise<void> => {
    for await (const { command, correlation } of registry.watch({ type: 'node', from }, signal))
      if (command === 'installed') await define(registry, [{ name: correlation, currstate: installing }]);
  };
  again().catch((error: unknown) => {
    if (!signal.aborted) process.stderr.write(`nobody installs again: ${String(error)}\n`);
  });
}

/** Which reports made a revision, in the order in which they did. */
export async function installedBy(registry: Pick<Registry, 'history'>): Promise<Report[]> {
  const found: Report[] = [];
  for await (const { user, command, correlation } of registry.history({ from: 1 })) {
    if (command !== 'installed') continue;
    const agent = user.replace(/^agent:/, '');
    found.push({ agent, number: installationOf(agent, correlation) });
  }
  return found;
}
