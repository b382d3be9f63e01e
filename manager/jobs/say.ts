import type { Json } from '../../shared/verb/effect.ts';
import type { Event } from '../../shared/wire/generated/hostler/v1/Event.ts';
import type { Ending } from './record.ts';

/** An event before it has its position and time. */
export type EventBody = Omit<Event, 'position' | 'at' | 'body'>;

/** Longest text of one output event in characters, where lines allow. */
const longestOutput = 128 * 1024;

/** What a verb says, as output events of whole lines. A missing last line feed is added. */
export function outputEvents(text: string, error: boolean): EventBody[] {
  const whole = text.endsWith('\n') ? text : `${text}\n`;
  const events: EventBody[] = [];
  for (let from = 0; from < whole.length;) {
    // The last line end within the limit; a line longer than the limit stays whole.
    const last =
      whole.length - from <= longestOutput ? whole.length - 1 : whole.lastIndexOf('\n', from + longestOutput - 1);
    const to = last >= from ? last + 1 : whole.indexOf('\n', from) + 1;
    events.push({ output: { error, text: whole.slice(from, to) } });
    from = to;
  }
  return events;
}

export function dataEvent(value: Json): EventBody {
  return { data: { json: JSON.stringify(value) } };
}

export function finishedEvent({ status, exit, code, message }: Ending): EventBody {
  return { finished: { exit, state: status, code, message } };
}
