/** Names that differ in one number: what `n01-n20`, `[01-20]` and `n01+19` stand for. */
export interface Span {
  readonly before: string;
  readonly after: string;
  readonly first: bigint;
  readonly last: bigint;
  /** Numbers are filled up with zeros to this width. */
  readonly width: number;
}

/**
 * From one name to another that differs in exactly one number; undefined when they differ otherwise. A range that runs
 * backwards counts on to the largest number of the left width, as the recorded original does.
 */
export function spanBetween(left: string, right: string): Span | undefined {
  const leftParts = left.split(/(\d+)/);
  const rightParts = right.split(/(\d+)/);
  if (leftParts.length !== rightParts.length) return undefined;
  let differing: number | undefined;
  for (const [position, part] of leftParts.entries()) {
    if (part === rightParts[position]) continue;
    if (position % 2 === 0 || differing !== undefined) return undefined;
    differing = position;
  }
  const position = differing ?? leftParts.findLastIndex((_, index) => index % 2 === 1);
  const from = leftParts[position];
  const to = rightParts[position];
  if (position < 0 || from === undefined || to === undefined) return undefined;
  const first = BigInt(from);
  const end = BigInt(to);
  return {
    before: leftParts.slice(0, position).join(''),
    after: leftParts.slice(position + 1).join(''),
    first,
    last: end < first ? 10n ** BigInt(from.length) - 1n : end,
    width: from.length,
  };
}

/** The first number in the name and `count` more. */
export function spanFrom(start: string, count: string): Span | undefined {
  const parts = /^(\D*)(\d+)(.*)$/s.exec(start);
  if (parts?.[1] === undefined || parts[2] === undefined || parts[3] === undefined) return undefined;
  const first = BigInt(parts[2]);
  return { before: parts[1], after: parts[3], first, last: first + BigInt(count), width: parts[2].length };
}

export function spanSize(span: Span): bigint {
  return span.last - span.first + 1n;
}

export function* spanNames(span: Span): Generator<string> {
  for (let number = span.first; number <= span.last; number += 1n) {
    yield span.before + String(number).padStart(span.width, '0') + span.after;
  }
}
