// Exit 0 when node_modules is not what package-lock.json says (npm ci is needed), 1 when it is. Plain Node: runs
// before anything is installed.
import { readFileSync } from 'node:fs';

function packages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

const root = new URL('..', import.meta.url);
const wanted = packages(new URL('package-lock.json', root)) ?? {};
const there = packages(new URL('node_modules/.package-lock.json', root));
const stale =
  there === undefined ||
  Object.entries(wanted).some(([path, { version, optional, peer }]) => {
    if (path === '') return false;
    const found = there[path];
    return found === undefined ? optional !== true && peer !== true : found.version !== version;
  });
process.exit(stale ? 0 : 1);
