import { HostlerError } from '../errors/error.ts';

export interface CsvTable {
  readonly columns: readonly string[];
  readonly records: readonly CsvRecord[];
}

export interface CsvRecord {
  /** Of the line that the record begins on, counted from 1. */
  readonly line: number;
  /** Column to value; unset where the field was bare and empty. */
  readonly values: Readonly<Record<string, string>>;
}

/** A line longer than this is refused: nobody wrote it. */
const longestRecord = 8 * 1024 * 1024;

/**
 * Reads a table dump. The first line names the columns and begins with `#`; later `#` lines and blank lines say
 * nothing. Values may span lines inside of quotes.
 * @throws HostlerError invalid_argument that names the line; the message is what tabrestore prints.
 */
export function readCsv(text: string): CsvTable {
  const lines = text.split(/\r?\n/);
  const header = lines[0] ?? '';
  if (!header.startsWith('#')) throw new HostlerError('invalid_argument', 'Data missing header line starting with #');
  const columns = header
    .slice(1)
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  const records: CsvRecord[] = [];
  for (let at = 1; at < lines.length; at += 1) {
    const first = at;
    const begin = lines[at] ?? '';
    if (begin.trim() === '' || begin.startsWith('#')) continue;
    const pieces = [begin];
    let length = begin.length;
    let open = endsInsideQuotes(begin, false);
    while (open && at + 1 < lines.length) {
      at += 1;
      const next = lines[at] ?? '';
      pieces.push(next);
      length += next.length + 1;
      if (length > longestRecord) throw tooLong(first + 1);
      open = endsInsideQuotes(next, true);
    }
    if (length > longestRecord) throw tooLong(first + 1);
    records.push({ line: first + 1, values: readRecord(pieces.join('\n'), columns, first + 1) });
  }
  return { columns, records };
}

function tooLong(line: number): HostlerError {
  return new HostlerError('invalid_argument', `CSV record on line ${line} is longer than ${longestRecord} characters`);
}

/** Doubled quotes open and close again, so counting is enough. */
function endsInsideQuotes(line: string, inside: boolean): boolean {
  let open = inside;
  for (let at = line.indexOf('"'); at !== -1; at = line.indexOf('"', at + 1)) open = !open;
  return open;
}

function readRecord(text: string, columns: readonly string[], line: number): Record<string, string> {
  const values: Record<string, string> = {};
  let at = 0;
  for (const column of columns) {
    if (at >= text.length) break;
    const field = readField(text, at, line);
    if (field.value !== undefined) values[column] = field.value;
    at = field.next;
  }
  const rest = text.slice(at).trim();
  if (rest !== '') throw malformed(`Too many fields on line ${line}: ${text} | ${rest}`);
  return values;
}

/** One field; `next` is where the one after it begins. */
function readField(text: string, at: number, line: number): { readonly value?: string; readonly next: number } {
  if (text[at] !== '"') {
    const comma = text.indexOf(',', at);
    const end = comma === -1 ? text.length : comma;
    const bare = text.slice(at, end);
    if (bare.includes('"')) {
      throw malformed(
        `CSV missing opening " for record with " characters on line ${line}, character ${text.indexOf('"', at)}: ${text}`,
      );
    }
    const value = comma === -1 ? bare.trimEnd() : bare;
    return value === '' ? { next: end + 1 } : { value, next: end + 1 };
  }
  for (let quote = text.indexOf('"', at + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    const after = text[quote + 1];
    if (after === '"') {
      quote += 1;
    } else if (after === undefined || after === ',' || text.slice(quote + 1).trim() === '') {
      return { value: text.slice(at + 1, quote).replaceAll('""', '"'), next: quote + 2 };
    } else {
      throw malformed(`CSV unescaped " in record on line ${line}, character ${quote + 1}: ${text}`);
    }
  }
  throw malformed(`CSV unmatched " in record on line ${line}, character ${at}: ${text}`);
}

function malformed(text: string): HostlerError {
  const message = text.trimEnd();
  return new HostlerError('invalid_argument', message.length > 500 ? `${message.slice(0, 500)}...` : message);
}
