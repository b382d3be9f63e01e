import { readFileSync } from 'node:fs';

declare const __HOSTLER_VERSION__: string | undefined;

/** The version of this program: what package.json said when it was built, or says now when run from source. */
export function programVersion(): string {
  if (typeof __HOSTLER_VERSION__ === 'string') return __HOSTLER_VERSION__;
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
