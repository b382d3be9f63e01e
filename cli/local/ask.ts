import { HostlerError } from '../../shared/errors/error.ts';
import type { CommandDefinition, CommandLine } from '../command.ts';
import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';
import { runRequest } from '../run/request.ts';

/** What a verb answered, whole. */
export interface VerbAnswer {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly data: readonly unknown[];
}

/**
 * Runs a verb that ends at once and gives its answer instead of showing it. `files`: instead of opening what the command
 * line names. Throws HostlerError when nobody answers.
 */
export async function askVerb(
  definition: CommandDefinition,
  line: CommandLine,
  command: string,
  files?: Readonly<Record<string, string>>,
): Promise<VerbAnswer> {
  const manager = new Manager(managerPlace(process.env), command);
  const opened = Object.entries(files ?? {}).map(([path, text]) => [path, Buffer.from(text, 'utf8')]);
  const request = runRequest(definition, line, '');
  const sent =
    files === undefined ? request : { ...request, files: Object.fromEntries(opened) as Record<string, Buffer> };
  const answer = { exit: -1, stdout: '', stderr: '', data: [] as unknown[] };
  try {
    for await (const event of manager.stream((client, metadata) => client.run(sent, metadata))) {
      if (event.output) answer[event.output.error ? 'stderr' : 'stdout'] += event.output.text;
      if (event.data) answer.data.push(JSON.parse(event.data.json));
      if (event.finished) {
        answer.exit = event.finished.exit;
        if (event.finished.message !== '') answer.stderr += `${event.finished.message}\n`;
        return answer;
      }
    }
  } catch (thrown) {
    throw HostlerError.from(thrown, 'unavailable');
  } finally {
    manager.close();
  }
  throw new HostlerError('internal', 'The manager ended the answer half-way.');
}

/** Shows an answer as it would have been shown. */
export function show({ exit, stdout, stderr }: VerbAnswer): number {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exit;
}
