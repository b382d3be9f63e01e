import type { CommandDefinition, CommandLine } from '../command.ts';
import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';
import { runRequest } from '../run/request.ts';

/** Completion waits no longer. */
const boundMs = 1_500;
const most = 5_000;

const lsdef: CommandDefinition = {
  name: 'lsdef',
  summary: '',
  usage: [],
  options: [{ long: 'type', short: 't', value: 'TYPE', help: '' }],
};

/**
 * Names of the objects of a type, one a line, for completion: whatever goes wrong, nothing is printed and nobody is
 * bothered.
 */
export async function printNames(line: CommandLine): Promise<number> {
  const bound = AbortSignal.timeout(boundMs);
  try {
    const type = line.operands[0] ?? 'node';
    const manager = new Manager(managerPlace(process.env), `completion ${type}`);
    const request = runRequest(lsdef, { options: { type: [type] }, operands: [] }, '');
    const names: string[] = [];
    for await (const event of manager.stream((client, metadata) => client.run(request, metadata), bound)) {
      if (event.finished || names.length > most) break;
      if (event.output?.error === false)
        names.push(...event.output.text.split('\n').map((text) => text.trim().split(/\s/)[0] ?? ''));
    }
    process.stdout.write(
      names
        .filter((name) => /^[\w.-]+$/.test(name))
        .map((name) => `${name}\n`)
        .join(''),
    );
    manager.close();
  } catch {
    return 1;
  }
  return 0;
}
