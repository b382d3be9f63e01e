import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { textFile } from '../../../shared/text/text-file.ts';
import { agentProgram } from '../image-tree/program.ts';
import { writeInside } from '../image-tree/inside.ts';
import { enableUnit } from '../image-tree/units.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { readListFile } from './list-file.ts';
import { readPkglists } from './pkglist.ts';
import { rolesAskedFor } from './service-node.ts';
import type { Build } from './spec.ts';

const agentUnit = 'hostler-agent.service';
const agentUnitText = textFile(import.meta.url, './hostler-agent.service');

/** The agent in the image: one program, what it is to do, and the unit that starts it. */
export async function addAgent(root: string, build: Build): Promise<void> {
  await writeInside(root, 'opt/hostler/hostler-agent', await readFile(agentProgram()), 0o755);
  await writeInside(root, 'opt/hostler/agent.json', `${JSON.stringify(await settingsOf(build))}\n`);
  await writeInside(root, `usr/lib/systemd/system/${agentUnit}`, agentUnitText);
  await enableUnit(root, agentUnit);
}

/** What the agent is to do: a service node serves others, so its agent stays. */
async function settingsOf(build: Build): Promise<Readonly<Record<string, Json>>> {
  const reader = { read: readListFile, environment: build.environment };
  const roles = rolesAskedFor(await readPkglists(build.otherpkglist, reader));
  return roles.length === 0 ? { mode: build.nodeagent } : { mode: 'stay', roles };
}

/** All that decides it. */
export async function agentInput(build: Build): Promise<Json> {
  const program = createHash('sha256')
    .update(await readFile(agentProgram()))
    .digest('hex');
  return [program, agentUnitText, await settingsOf(build)];
}
