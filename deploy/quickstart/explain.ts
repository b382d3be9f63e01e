import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostlerError } from '../../shared/errors/error.ts';
import { printable } from '../../shared/process/printable.ts';
import { stageText } from './boot.ts';
import type { Cluster } from './cluster.ts';
import { milestones, stateOf } from './node-state.ts';

interface Seen {
  readonly cluster?: Cluster;
  readonly console?: string;
  readonly node?: string;
  readonly step: string;
}

/** How far it came, why it ended, and where to look. */
export async function explain(error: HostlerError, seen: Seen, dir: string): Promise<string> {
  const lines = [`The quickstart failed at: ${seen.step}`, `Why: ${error.message}`];
  if (seen.cluster !== undefined && seen.node !== undefined && seen.console !== undefined) {
    lines.push(...(await howFar(seen.cluster, seen.node)));
  }
  if (seen.console !== undefined && !error.message.includes('console')) {
    const text = await readFile(seen.console, 'latin1').catch(() => '');
    const last = text
      .replace(/\x1b\[[0-9;?=]*[A-Za-z]/g, '')
      .replace(/\r/g, '')
      .trimEnd()
      .split('\n')
      .slice(-15);
    lines.push('The console ended with:', ...last.map((line) => `  | ${printable(line)}`));
  }
  lines.push(`Logs: ${join(dir, 'logs')}${seen.console === undefined ? '' : `, console: ${seen.console}`}`);
  return lines.join('\n');
}

async function howFar(cluster: Cluster, node: string): Promise<string[]> {
  try {
    const commands = cluster.aside();
    const state = await stateOf(commands, 'node', node);
    const reached = milestones(state).map(({ stage }) => stageText(stage));
    const status = state['nodelist.status'] ?? '';
    return [
      `How far ${node} came: ${reached.length === 0 ? 'nothing was heard of it' : reached.join(', ')}${status === '' ? '' : ` (status ${status})`}`,
      ...(state['boot.error'] === undefined ? [] : [`What was reported: ${state['boot.error']}`]),
    ];
  } catch {
    return ['How far the node came is not known: the manager does not answer.'];
  }
}
