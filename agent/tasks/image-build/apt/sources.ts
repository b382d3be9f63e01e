import { existsSync } from 'node:fs';

/** One source of packages, in the terms of deb822 (man sources.list). */
export interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Other fields by name as in deb822 (`Signed-By`, `Trusted`), several lines joined by newline + blank. */
  readonly options: Readonly<Record<string, string>>;
}

/** Fields that a build may take over: what decides whether packages are trusted, and how they are fetched. */
const takenOver = [
  'Signed-By',
  'Trusted',
  'Check-Valid-Until',
  'Valid-Until-Max',
  'Check-Date',
  'Allow-Insecure',
  'By-Hash',
];

/** Sources of binary packages in a file of either format; `name` decides which (`.sources` is deb822). */
export function parseSources(name: string, text: string): Source[] {
  return name.endsWith('.sources') ? parseStanzas(text) : parseLines(text);
}

function parseStanzas(text: string): Source[] {
  const found: Source[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#') || line.trim() === '') continue;
      if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n ${line.trim()}`);
      else {
        const colon = line.indexOf(':');
        if (colon < 1) continue;
        last = line.slice(0, colon).toLowerCase();
        fields.set(last, line.slice(colon + 1).trim());
      }
    }
    const list = (field: string): string[] => (fields.get(field) ?? '').split(/\s+/).filter((word) => word !== '');
    if (!list('types').includes('deb') || /^(?:no|false|off|0|without|disable)$/i.test(fields.get('enabled') ?? ''))
      continue;
    const options = Object.fromEntries(
      takenOver.flatMap((field) => {
        const value = fields.get(field.toLowerCase());
        return value === undefined ? [] : [[field, value]];
      }),
    );
    if (list('uris').length > 0)
      found.push({ uris: list('uris'), suites: list('suites'), components: list('components'), options });
  }
  return found;
}

function parseLines(text: string): Source[] {
  return text.split('\n').flatMap((raw) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(raw);
    if (match === null) return [];
    const [, bracket = '', uri = '', suite = '', components = ''] = match;
    const given = new Map(
      bracket.split(/\s+/).map((word) => [word.split('=')[0]?.toLowerCase() ?? '', word.slice(word.indexOf('=') + 1)]),
    );
    const options = Object.fromEntries(
      takenOver.flatMap((field) => {
        const value = given.get(field.toLowerCase());
        return value === undefined || value === '' ? [] : [[field, value.replaceAll(',', ' ')]];
      }),
    );
    return [
      { uris: [uri], suites: [suite], components: components.split(/\s+/).filter((word) => word !== ''), options },
    ];
  });
}

/**
 * The sources that serve a release, out of those of a machine that runs `own`. A suite of the machine's own release is
 * read as the same suite of the wanted one (`bookworm-security` becomes `trixie-security`); suites of neither are left out.
 */
export function sourcesFor(codename: string, own: string | undefined, sources: readonly Source[]): Source[] {
  const translate = (suite: string): string[] => {
    for (const name of [codename, own]) {
      if (name === undefined || name === '') continue;
      if (suite === name || suite.startsWith(`${name}-`) || suite.startsWith(`${name}/`))
        return [codename + suite.slice(name.length)];
    }
    return [];
  };
  return sources.flatMap((source) => {
    const suites = [...new Set(source.suites.flatMap(translate))];
    return suites.length === 0 || source.components.length === 0 ? [] : [{ ...source, suites }];
  });
}

export interface Credentials {
  readonly sources: Source[];
  /** Lines of apt_auth.conf(5): what stood in the addresses themselves. */
  readonly netrc: string[];
}

/** Takes user names and passwords out of addresses: they must reach neither the image, nor a log, nor a cache key. */
export function withoutCredentials(sources: readonly Source[]): Credentials {
  const netrc: string[] = [];
  const plain = sources.map((source) => ({
    ...source,
    uris: source.uris.map((uri) => {
      const match = /^([a-z][a-z0-9+.-]*:\/\/)([^/@\s]+)@(.*)$/i.exec(uri);
      if (match === null) return uri;
      const [, scheme = '', user = '', rest = ''] = match;
      const [login = '', ...password] = user.split(':');
      netrc.push(
        `machine ${scheme}${rest} login ${decodeURIComponent(login)} password ${decodeURIComponent(password.join(':'))}`,
      );
      return scheme + rest;
    }),
  }));
  return { sources: plain, netrc };
}

/** As a `.sources` file. */
export function formatSources(sources: readonly Source[]): string {
  return sources
    .map((source) =>
      [
        'Types: deb',
        `URIs: ${source.uris.join(' ')}`,
        `Suites: ${source.suites.join(' ')}`,
        ...(source.components.length > 0 ? [`Components: ${source.components.join(' ')}`] : []),
        ...Object.entries(source.options).map(([field, value]) => `${field}: ${value}`),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** Key files that sources name by path. */
export function keyFiles(sources: readonly Source[]): string[] {
  const paths = sources.flatMap((source) => (source.options['Signed-By'] ?? '').split(/\s+/));
  return [...new Set(paths.filter((path) => path.startsWith('/')))].sort();
}

/**
 * Sources out of osimage.pkgdir: `http://host/debian`, `http://host/debian bookworm main contrib`, or a folder that
 * holds such a tree (`dists/`). A folder is read by apt's `copy:` method, so that nothing has to be mounted anywhere.
 * `usual`: the components that an address without any means.
 */
export function sourcesOfPkgdir(entries: readonly string[], codename: string, usual: readonly string[]): Source[] {
  return entries.map((entry) => {
    const [address = '', suite = codename, ...components] = entry.split(/\s+/);
    const local = address.startsWith('/');
    return {
      uris: [local ? `copy:${address}` : address],
      suites: [suite],
      components: components.length > 0 ? components : local ? ['main'] : usual,
      // What copycds laid down on this machine has no signature of its own.
      options: local ? { Trusted: 'yes' } : {},
    };
  });
}

/**
 * Sources out of osimage.otherpkgdir for names as `tools/mytool`: the folder `tools` in each of them is a repository, and
 * for plain names the folder itself. A folder with `dists/` is one as above; any other holds a file Packages.
 */
export function sourcesOfOther(folders: readonly string[], names: readonly string[], codename: string): Source[] {
  const below = [...new Set(names.map((name) => name.split('/').slice(0, -1).join('/')))].sort();
  return folders.flatMap((folder) =>
    below.map((sub) => {
      const address = [folder.replace(/\/+$/, ''), ...(sub === '' ? [] : [sub])].join('/');
      const local = address.startsWith('/');
      const whole = local && existsSync(`${address}/dists`);
      return {
        uris: [local ? `copy:${address}` : address],
        suites: [whole ? codename : './'],
        components: whole ? ['main'] : [],
        options: local ? { Trusted: 'yes' } : {},
      };
    }),
  );
}
