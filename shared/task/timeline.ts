/** Stage of a boot (node-events.ts) to when it was reached, milliseconds since the epoch. Reported as `boot.timeline`. */
export type Timeline = Readonly<Record<string, number>>;

export function readTimeline(text: string | undefined): Timeline {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    );
  } catch {
    return {}; // We wrote it; whatever else it is, the next boot writes it anew.
  }
}
