import type { CommandDefinition, CommandLine } from '../command.ts';
import { findCommand } from '../commands/index.ts';
import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';
import { runRequest } from '../run/request.ts';
import { offersFor } from './offers.ts';

/** Completion waits no longer for the manager. */
const boundMs = 1_500;
/** More offers help nobody. */
const most = 5_000;

const lsdef: CommandDefinition = {
  name: 'lsdef',
  summary: '',
  usage: [],
  options: [{ short: 't', value: 'TYPE', help: '' }],
};

/**
 * What completion offers, one a line: whatever goes wrong, nothing is printed and nobody is bothered. Operands: the
 * command, the kind of word that its definition names, the word being typed, the words before it.
 */
export async function printNames(line: CommandLine): Promise<number> {
  const [command = '', kind = '', current = '', ...before] = line.operands;
  const { names, words, lead } = offersFor(findCommand(command), kind, current, before);
  const typed = current.slice(lead.length);
  const fits = (name: string): boolean => name.startsWith(typed) && /^[\w.=-]+$/.test(name);
  const found = words.filter(fits);
  const bound = AbortSignal.timeout(boundMs);
  // What is known without the manager is offered all the same.
  const answers = await Promise.allSettled(names.map((type) => namesOfType(type, bound)));
  for (const answer of answers) if (answer.status === 'fulfilled') found.push(...answer.value.filter(fits));
  const offered = [...new Set(found)].slice(0, most);
  process.stdout.write(offered.map((name) => `${lead}${name}\n`).join(''));
  return 0;
}

async function namesOfType(type: string, bound: AbortSignal): Promise<string[]> {
  const manager = new Manager(managerPlace(process.env), `completion ${type}`);
  const names: string[] = [];
  try {
    const request = runRequest(lsdef, { options: { t: [type] }, operands: [] }, '');
    for await (const event of manager.stream((client, metadata) => client.run(request, metadata), bound)) {
      if (event.finished) break;
      if (event.output?.error === false)
        names.push(
          ...event.output.text
            .split('\n')
            // `name  (type)`; anything else is a remark.
            .flatMap((text) => /^(\S+) +\(\w+\)$/.exec(text)?.[1] ?? []),
        );
    }
  } finally {
    manager.close();
  }
  return names;
}
