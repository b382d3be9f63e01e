/** Emphasis on a terminal; nothing where NO_COLOR is set or nobody looks. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
}

export function styleFor(live: boolean, environment: NodeJS.ProcessEnv): Style {
  const coloured = live && (environment['NO_COLOR'] ?? '') === '';
  const wrap = (on: number, off: number) => (text: string) =>
    coloured && text !== '' ? `\u001b[${String(on)}m${text}\u001b[${String(off)}m` : text;
  return { bold: wrap(1, 22), dim: wrap(2, 22) };
}
