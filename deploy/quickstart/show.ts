/** What the quickstart says, on standard output, with the time since its start. */
const began = Date.now();
const bold =
  process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
    ? (text: string) => `\u001b[1m${text}\u001b[22m`
    : (text: string) => text;

export function seconds(): number {
  return (Date.now() - began) / 1000;
}

export function heading(step: number, text: string): void {
  print(`\n${bold(`[${String(step)}/6] ${text}`)}  (${seconds().toFixed(0)} s)`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A command as a user would type it. */
export function showCommand(argv: readonly string[]): void {
  const words = argv.map((word) => (/^[\w@%+=:,./^-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  print(bold(`$ ${words.join(' ')}`));
}

export function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
