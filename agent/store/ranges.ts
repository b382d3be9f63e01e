/** First and last byte, both included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/**
 * RFC 9110, one range only; several ranges or another unit are answered as if none was asked for (undefined), which
 * the RFC allows. `unsatisfiable`: 416.
 */
export function parseRange(header: string | undefined, size: number): Span | undefined | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  if (!match) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '' && to === '') return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'unsatisfiable' : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'unsatisfiable' : { first, last };
}

/** `Content-Range: bytes FIRST-LAST/TOTAL` of an upload; undefined when malformed. */
export function parseContentRange(header: string): (Span & { readonly total: number }) | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(header.trim());
  if (!match) return undefined;
  const [first, last, total] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return first <= last && last < total ? { first, last, total } : undefined;
}
