import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where programs of administrators live even when PATH, as under cron or a bare init, does not say so. */
const always = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The folders that are searched for programs, in order. */
export function searchPath(path: string | undefined = process.env['PATH']): string[] {
  return [...new Set([...(path ?? '').split(delimiter).filter(isAbsolute), ...always])];
}

/** Absolute path of a program, or undefined. A name with a slash is looked at as it is. */
export function which(program: string, path?: string): string | undefined {
  if (program.includes('/')) return isProgram(program) ? program : undefined;
  if (program === '' || program.includes('\0')) return undefined;
  return searchPath(path)
    .map((folder) => join(folder, program))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
