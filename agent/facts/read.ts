import { readFileSync, readdirSync } from 'node:fs';

/** A small text file, trimmed; empty when it is not there or may not be read. Facts degrade, they never fail. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
