/** A Node.js archive as `site.noderuntime.<arch>` names it. */
export interface NodeRuntime {
  /** Absolute path on the build host, or an http(s) address; ends in .tar.gz, .tar.xz or .tgz. */
  readonly source: string;
  readonly sha256: string;
}

/** Where the archive is put inside an image; `bin/node` below it. */
export const runtimeFolder = 'opt/hostler/node';

/** `FILE-OR-URL sha256:DIGEST`. What cannot be used gives the reason as text. */
export function parseRuntime(text: string): NodeRuntime | string {
  const match = /^(\S+)\s+(?:sha256:)?([0-9a-f]{64})$/i.exec(text.trim());
  if (match?.[1] === undefined || match[2] === undefined) {
    return 'it must be the path or address of a Node.js archive, a blank, and sha256: with its 64 hexadecimal digits.';
  }
  const [, source] = match;
  if (!/^(?:https?:\/\/|\/)[\w./:@~%+=,-]+$/.test(source) || source.split('/').includes('..')) {
    return `${JSON.stringify(source.slice(0, 200))} is neither an absolute path nor an http or https address.`;
  }
  if (/^https?:\/\/[^/]*@/.test(source))
    return 'an address with a user name or password in it would be seen by everyone.';
  if (!/\.(?:tar\.[gx]z|tgz)$/.test(source)) return `${source} does not end in .tar.gz, .tgz or .tar.xz.`;
  return { source, sha256: match[2].toLowerCase() };
}
