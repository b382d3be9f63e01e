import { deflateRawSync, inflateRawSync } from 'node:zlib';

/*
 * The specification of a task on its way to an agent. What is said of a hundred thousand nodes is longer than a message
 * of the link may be, and mostly says the same again and again: a long one travels deflated.
 */

/** Bytes; below this nothing is gained. An agent of an earlier version reads what is shorter. */
const packFrom = 1024 * 1024;
/** Bytes: more than this nobody unpacks. */
const longestSpec = 256 * 1024 * 1024;

const mark = '{"packed":"';

/** JSON as it is to be sent. */
export function packSpec(json: string): string {
  if (Buffer.byteLength(json) < packFrom) return json;
  return `${mark}${deflateRawSync(json).toString('base64')}"}`;
}

/** What was packed; anything else as it is. @throws RangeError when it would be longer than anybody may ask for. */
export function unpackSpec(text: string): string {
  if (!text.startsWith(mark) || !/^[A-Za-z0-9+/]+=*"\}$/.test(text.slice(mark.length))) return text;
  const packed = Buffer.from(text.slice(mark.length, -2), 'base64');
  return inflateRawSync(packed, { maxOutputLength: longestSpec }).toString('utf8');
}
