import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimClientSpec, NimClientsSpec } from '../../../shared/task/nim.ts';
import type { Outcome } from './outcome.ts';
import type { NimMaster } from './master.ts';

/**
 * Prescripts as administrators know them (xCAT command facts, section 21): each once for its nodes with NODES and
 * ACTION, or, with `#xCAT setting:MAX_INSTANCE=n` in the script, once a node. Exit 1: the rest of the phase runs, then
 * the nodes fail. Exit 2 and above: stop at once. Returns the machines whose scripts succeeded.
 */
export async function runPrescripts(
  master: NimMaster,
  spec: NimClientsSpec,
  when: 'begin' | 'end',
  clients: readonly NimClientSpec[],
  outcome: Outcome,
): Promise<NimClientSpec[]> {
  let good = [...clients];
  for (const { scripts, nodes } of spec.prescripts.filter((phase) => phase.when === when)) {
    let failure: string | undefined;
    let lastExit = 0;
    for (const script of scripts) {
      const concerned = good.filter(({ node }) => nodes.includes(node)).map(({ node }) => node);
      if (concerned.length === 0) break;
      outcome.lines.push(`Running ${when} script ${nameOf(script)} for nodes ${concerned.join(',')}.`);
      const limit = await instances(master, script);
      const groups = limit === undefined ? [concerned] : concerned.map((node) => [node]);
      for (const group of groups) {
        const ran = await master.login.run('env', [`NODES=${group.join(',')}`, `ACTION=${spec.scriptAction}`, script], {
          timeoutMs: 3_600_000,
        });
        const said = `${ran.stdout}${ran.stderr}`.trim();
        if (ran.exit === 0) {
          if (said !== '') outcome.lines.push(`${nameOf(script)}: ${said}`);
          continue;
        }
        const text =
          limit === undefined
            ? `The ${when} prescript ${nameOf(script)} failed with return code ${String(ran.exit)}: ${said}`
            : `${nameOf(script)}: node=${group.join(',')}. return code=${String(ran.exit)}. Error message=${said}`;
        if (limit !== undefined) {
          outcome.fail(group[0] ?? '', new HostlerError('failed_precondition', text));
          good = good.filter(({ node }) => !group.includes(node));
        } else {
          failure = text;
          lastExit = ran.exit;
        }
      }
      if (lastExit > 1) break;
    }
    if (failure === undefined) continue;
    for (const node of nodes)
      if (good.some((client) => client.node === node))
        outcome.fail(node, new HostlerError('failed_precondition', failure));
    good = good.filter(({ node }) => !nodes.includes(node));
  }
  return good;
}

/** `#xCAT setting:MAX_INSTANCE=<n>`: one or more `#`, blanks allowed after the colon. */
async function instances(master: NimMaster, script: string): Promise<number | undefined> {
  const ran = await master.login.run('cat', [script]);
  if (ran.exit !== 0)
    throw new HostlerError(
      'not_found',
      `The prescript ${script} cannot be read on ${master.login.name}: ${ran.stderr.trim()}`,
    );
  const found = /^#+\s*xCAT setting:\s*MAX_INSTANCE=(\d+)/m.exec(ran.stdout)?.[1];
  return found === undefined ? undefined : Number(found);
}

function nameOf(script: string): string {
  return script.slice(script.lastIndexOf('/') + 1);
}
