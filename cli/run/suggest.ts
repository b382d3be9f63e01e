import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';

/** Milliseconds: a hint that takes longer is none. */
const patience = 2_000;

/**
 * For people at a terminal: asks what they may have meant, and says so on a line of its own. Nothing that programs read
 * depends on it, and when there is no answer nothing is said.
 */
export async function suggest(complaint: string): Promise<void> {
  const ended = AbortSignal.timeout(patience);
  try {
    const manager = new Manager(managerPlace(process.env), 'suggest');
    try {
      const request = { verb: 'suggest', input: complaint };
      for await (const event of manager.stream((client, metadata) => client.run(request, metadata), ended)) {
        if (event.output) process.stderr.write(event.output.text);
      }
    } finally {
      manager.close();
    }
  } catch {
    // Whoever may not ask, or asks in vain, has read the reason of the command itself.
  }
}
