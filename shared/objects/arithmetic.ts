/**
 * Integer arithmetic inside the parentheses of a pattern value: `($1+10)`, `(($1-1)/2+1)`, `($1%100)`,
 * `sprintf('%03d',$1)`. Numbers are integers, division goes towards zero. A lone `$1` stays text ('01' stays '01').
 */
export function evaluateArithmetic(text: string, groups: readonly (string | undefined)[]): string | undefined {
  const tokens = tokenize(text);
  if (tokens === undefined) return undefined;
  const reader = new Reader(tokens, groups);
  const value = reader.sum();
  return value === undefined || !reader.done ? undefined : String(value);
}

type Value = string | number;

const tokenPattern = /\s*(?:(\d+)|\$(\d)|\$\{(\d)\}|(sprintf|int|sqrt)|(['"])((?:(?!\5).)*)\5|([-+*/%(),.]))/y;

interface Token {
  readonly kind: 'number' | 'group' | 'function' | 'text' | 'sign';
  readonly text: string;
}

/** Longer expressions than any real one are refused, so that nesting stays shallow. */
const longest = 400;

function tokenize(text: string): Token[] | undefined {
  if (text.length > longest) return undefined;
  const tokens: Token[] = [];
  const trimmed = text.trimEnd();
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < trimmed.length) {
    const found = tokenPattern.exec(trimmed);
    if (found === null) return undefined;
    if (found[1] !== undefined) tokens.push({ kind: 'number', text: found[1] });
    else if (found[2] !== undefined) tokens.push({ kind: 'group', text: found[2] });
    else if (found[3] !== undefined) tokens.push({ kind: 'group', text: found[3] });
    else if (found[4] !== undefined) tokens.push({ kind: 'function', text: found[4] });
    else if (found[6] !== undefined) tokens.push({ kind: 'text', text: found[6] });
    else tokens.push({ kind: 'sign', text: found[7] ?? '' });
  }
  return tokens;
}

class Reader {
  private at = 0;
  private readonly tokens: readonly Token[];
  private readonly groups: readonly (string | undefined)[];

  constructor(tokens: readonly Token[], groups: readonly (string | undefined)[]) {
    this.tokens = tokens;
    this.groups = groups;
  }

  get done(): boolean {
    return this.at === this.tokens.length;
  }

  /** a + b - c . d */
  sum(): Value | undefined {
    let left = this.product();
    for (let sign = this.sign('+-.'); sign !== undefined && left !== undefined; sign = this.sign('+-.')) {
      const right = this.product();
      if (right === undefined) return undefined;
      left =
        sign === '.' ? `${left}${right}` : sign === '+' ? number(left) + number(right) : number(left) - number(right);
    }
    return left;
  }

  private product(): Value | undefined {
    let left = this.factor();
    for (let sign = this.sign('*/%'); sign !== undefined && left !== undefined; sign = this.sign('*/%')) {
      const right = this.factor();
      if (right === undefined) return undefined;
      if (sign === '*') left = number(left) * number(right);
      else if (number(right) === 0) return undefined;
      else left = sign === '/' ? Math.trunc(number(left) / number(right)) : number(left) % number(right);
      if (left === 0) left = 0;
    }
    return left;
  }

  private factor(): Value | undefined {
    const token = this.tokens[this.at];
    if (token === undefined) return undefined;
    this.at += 1;
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'group') return this.groups[Number(token.text)] ?? '';
    if (token.kind === 'text') return token.text;
    if (token.kind === 'function') return this.call(token.text);
    if (token.text === '-') {
      const value = this.factor();
      return value === undefined ? undefined : -number(value);
    }
    if (token.text !== '(') return undefined;
    const value = this.sum();
    return this.sign(')') === undefined ? undefined : value;
  }

  private call(name: string): Value | undefined {
    if (this.sign('(') === undefined) return undefined;
    const values: Value[] = [];
    do {
      const value = this.sum();
      if (value === undefined) return undefined;
      values.push(value);
    } while (this.sign(',') !== undefined);
    const [first = 0, ...rest] = values;
    if (this.sign(')') === undefined) return undefined;
    if (name === 'int') return number(first);
    if (name === 'sqrt') return Math.trunc(Math.sqrt(Math.max(0, number(first))));
    return format(String(first), rest);
  }

  private sign(signs: string): string | undefined {
    const token = this.tokens[this.at];
    if (token?.kind !== 'sign' || !signs.includes(token.text)) return undefined;
    this.at += 1;
    return token.text;
  }
}

function number(value: Value): number {
  if (typeof value === 'number') return value;
  const digits = /^\s*[-+]?\d+/.exec(value)?.[0];
  return digits === undefined ? 0 : Number(digits);
}

/** printf for what a name or address can need. */
function format(template: string, values: readonly Value[]): string {
  const rest = [...values];
  return template.replace(
    /%%|%(-?)(0?)(\d{0,2})([dsuxXoc])/g,
    (all, left: string, zero: string, width: string, kind: string) => {
      if (all === '%%') return '%';
      const value = rest.shift() ?? '';
      const text = {
        s: () => String(value),
        c: () => String.fromCodePoint(Math.min(Math.max(number(value), 0), 0x10ffff)),
        x: () => number(value).toString(16),
        X: () => number(value).toString(16).toUpperCase(),
        o: () => number(value).toString(8),
        d: () => String(number(value)),
        u: () => String(number(value)),
      }[kind as 's' | 'c' | 'x' | 'X' | 'o' | 'd' | 'u']();
      if (left === '-') return text.padEnd(Number(width));
      return text.padStart(Number(width), zero === '0' && kind !== 's' ? '0' : ' ');
    },
  );
}
