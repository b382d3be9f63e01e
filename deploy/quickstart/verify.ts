import { HostlerError } from '../../shared/errors/error.ts';
import { eventually } from '../lab/wait.ts';
import type { Vm } from '../lab/vm.ts';
import type { Commands } from './commands.ts';
import type { Definitions } from './definitions.ts';
import { type State, stateOf } from './node-state.ts';

/** It is all there when the node is called booted, but for what a busy machine has not written yet. */
const patienceMs = 120_000;

interface Evidence {
  readonly commands: Commands;
  readonly definitions: Definitions;
  readonly state: State;
  readonly vm: Vm;
  readonly link: 'grpc' | 'nats';
  readonly signal: AbortSignal;
}

interface AgentShown {
  readonly name: string;
  readonly state: string;
  readonly link: string;
}

/** Everything that cannot be had by pretending. One line for each thing found true; throws at the first that is not. */
export async function verify({ commands, definitions, state, vm, link, signal }: Evidence): Promise<string[]> {
  const { node, nonce, image } = definitions;
  const wanted = new RegExp(`quickstart: nonce ${nonce}, trace (.*)`);
  const [, trace = ''] = await vm.console.waitFor(wanted, { timeoutMs: patienceMs, signal });
  const lines = [
    `the serial console shows the nonce ${nonce} that went into the image`,
    `a postscript left its trace: ${trace.trim()}`,
  ];
  await vm.console.waitFor(/quickstart: the secret file came before ssh/, { timeoutMs: patienceMs, signal });
  lines.push(
    'a file that not everybody may read is not in the image, and came over mutual TLS before services started',
  );
  expect(state['hostler.note.nonce'] === nonce, `the node's report does not have the nonce ${nonce}`);
  lines.push("the node's own report has the nonce too");

  const published = (await stateOf(commands, 'osimage', image))['hostler.current'] ?? 'nothing';
  const computed = state['hostler.runningimage'] ?? '';
  expect(
    computed !== '' && computed === published,
    `the node says it runs ${computed || 'nothing'}, published is ${published}`,
  );
  lines.push(`the digest that the node computed is the published one: ${computed}`);

  const agent = async (): Promise<AgentShown | undefined> =>
    ((await commands.json('hostler', 'agents')) as AgentShown[]).find(({ name }) => name === node);
  await eventually(`the agent of ${node} is dismissed`, async () => (await agent())?.state === 'away', {
    timeoutMs: patienceMs,
    signal,
  });
  lines.push(`the agent on ${node} has left (nodeagent=once)`);
  const used = (await agent())?.link ?? 'nothing';
  expect(used === link, `the agent of ${node} was to come over ${link}, and came over ${used}`);
  lines.push(`it came over ${link === 'nats' ? 'NATS' : 'gRPC'}`);
  lines.push(`kernel ${state['hostler.kernel'] ?? ''}, boot id ${state['hostler.bootid'] ?? ''}`);
  return lines;
}

function expect(truth: boolean, otherwise: string): void {
  if (!truth) throw new HostlerError('data_loss', otherwise);
}
