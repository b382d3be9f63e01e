/** A short line for people: standard error, which systemd brings to the journal and, in an image, to the console. */
export function say(line: string): void {
  process.stderr.write(`hostler: ${line}\n`);
}
