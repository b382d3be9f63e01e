/** A command line that needs no shell: its words, and the environment set before them. */
export interface PlainCommand {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Reads a command line as bash would where that takes nothing but words and quotes; undefined where it takes more
 * (pipes, several commands, substitutions, patterns that could match files, `;`).
 */
export function plainCommand(line: string): PlainCommand | undefined {
  const words: string[] = [];
  const environment: Record<string, string> = {};
  let word: string | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === "'") {
      const close = line.indexOf("'", at + 1);
      if (close < 0) return undefined;
      word = (word ?? '') + line.slice(at + 1, close);
      at = close;
    } else if (char === '"') {
      const inside = /^"((?:[^"\\$`!]|\\["\\$`])*)"/.exec(line.slice(at));
      if (inside?.[1] === undefined) return undefined;
      word = (word ?? '') + inside[1].replace(/\\(["\\$`])/g, '$1');
      at += inside[0].length - 1;
    } else if (char === '\\') {
      at += 1;
      if (at >= line.length || line.charAt(at) === '\n') return undefined;
      word = (word ?? '') + line.charAt(at);
    } else if (char === ' ' || char === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (
      /[|&;<>()$`*?{}\n]/.test(char) ||
      (char === '~' && word === undefined) ||
      (char === '#' && word === undefined)
    ) {
      return undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  while (words[0] !== undefined && /^[A-Za-z_]\w*=/.test(words[0])) {
    const [name = '', ...value] = words[0].split('=');
    environment[name] = value.join('=');
    words.shift();
  }
  return words.length === 0 ? undefined : { words, environment };
}
