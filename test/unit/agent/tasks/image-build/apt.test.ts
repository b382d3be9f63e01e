import { describe, expect, it } from 'vitest';
import { explainApt } from '../../../../../agent/tasks/image-build/apt/explain.ts';
import { AptFollower } from '../../../../../agent/tasks/image-build/apt/progress.ts';
import { parseUris } from '../../../../../agent/tasks/image-build/apt/resolve.ts';
import {
  formatSources,
  keyFiles,
  parseSources,
  sourcesFor,
  sourcesOfOther,
  sourcesOfPkgdir,
  withoutCredentials,
} from '../../../../../agent/tasks/image-build/apt/sources.ts';
import { debFile } from '../../../../../agent/tasks/image-build/apt/bootstrap.ts';

const oneLine = `
deb http://deb.debian.org/debian bookworm main contrib # all of it
deb-src http://deb.debian.org/debian bookworm main
# deb http://old.example/debian bookworm main
deb [ arch=amd64 signed-by=/etc/apt/keyrings/x.asc ] https://pkg.example/linux bookworm stable
deb https://pkg.example/flat ./
`;
const stanzas = `Types: deb deb-src
# a remark
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
`;

describe('sources', () => {
  it('reads both formats', () => {
    expect(parseSources('a.list', oneLine)).toEqual([
      { uris: ['http://deb.debian.org/debian'], suites: ['bookworm'], components: ['main', 'contrib'], options: {} },
      {
        uris: ['https://pkg.example/linux'],
        suites: ['bookworm'],
        components: ['stable'],
        options: { 'Signed-By': '/etc/apt/keyrings/x.asc' },
      },
      { uris: ['https://pkg.example/flat'], suites: ['./'], components: [], options: {} },
    ]);
    const found = parseSources('a.sources', stanzas);
    expect(found.map((source) => source.suites)).toEqual([['bookworm', 'bookworm-updates'], ['bookworm-security']]);
    expect(keyFiles(found)).toEqual(['/usr/share/keyrings/debian-archive-keyring.gpg']);
  });

  it('reads back what it writes', () => {
    const found = parseSources('a.sources', stanzas);
    expect(parseSources('b.sources', formatSources(found))).toEqual(found);
  });

  it('serves the machine of another release with the same suites of the wanted one', () => {
    const found = parseSources(
      'a.sources',
      `${stanzas}\nTypes: deb\nURIs: http://x/\nSuites: nodistro\nComponents: main\n`,
    );
    expect(sourcesFor('trixie', 'bookworm', found).flatMap((source) => source.suites)).toEqual([
      'trixie',
      'trixie-updates',
      'trixie-security',
    ]);
    expect(sourcesFor('trixie', 'jammy', found)).toEqual([]);
    expect(sourcesFor('bookworm', undefined, found).flatMap((source) => source.suites)).toEqual([
      'bookworm',
      'bookworm-updates',
      'bookworm-security',
    ]);
  });

  it('takes user names and passwords out of addresses', () => {
    const given = parseSources('a.list', 'deb https://me:p%40ss@repo.example/debian bookworm main\n');
    const { sources, netrc } = withoutCredentials(given);
    expect(formatSources(sources)).not.toMatch(/me|p%40ss/);
    expect(netrc).toEqual(['machine https://repo.example/debian login me password p@ss']);
  });

  it('understands pkgdir', () => {
    expect(
      sourcesOfPkgdir(['/install/debian12/x86_64', 'http://m/debian sid main contrib', 'http://u/ubuntu'], 'bookworm', [
        'main',
        'universe',
      ]),
    ).toEqual([
      {
        uris: ['copy:/install/debian12/x86_64'],
        suites: ['bookworm'],
        components: ['main'],
        options: { Trusted: 'yes' },
      },
      { uris: ['http://m/debian'], suites: ['sid'], components: ['main', 'contrib'], options: {} },
      { uris: ['http://u/ubuntu'], suites: ['bookworm'], components: ['main', 'universe'], options: {} },
    ]);
  });

  it('understands otherpkgdir: a folder in it for names that have one', () => {
    expect(sourcesOfOther(['/o/', 'http://m/o'], ['plain', 'tools/one', 'tools/two'], 'bookworm')).toEqual([
      { uris: ['copy:/o'], suites: ['./'], components: [], options: { Trusted: 'yes' } },
      { uris: ['copy:/o/tools'], suites: ['./'], components: [], options: { Trusted: 'yes' } },
      { uris: ['http://m/o'], suites: ['./'], components: [], options: {} },
      { uris: ['http://m/o/tools'], suites: ['./'], components: [], options: {} },
    ]);
    expect(formatSources(sourcesOfOther(['/o'], ['x'], 'bookworm'))).toBe(
      'Types: deb\nURIs: copy:/o\nSuites: ./\nTrusted: yes\n',
    );
  });
});

describe('what apt says', () => {
  it('names every package that an install would fetch, with its digest', () => {
    const output = [
      "'http://d/pool/libc6_2.36-9_amd64.deb' libc6_2.36-9_amd64.deb 2759320 SHA256:ab",
      "'http://d/pool/z.deb' zlib1g_1%3a1.2.13-1_amd64.deb 9 SHA256:cd",
      "'copy:/o/tzdata_2_all.deb' tzdata_2_all.deb 7 ",
      'NOTE: x',
    ].join('\n');
    expect(parseUris(output)).toEqual({
      packages: ['libc6 2.36-9 amd64', 'tzdata 2 all', 'zlib1g 1:1.2.13-1 amd64'],
      contents: ['libc6 2.36-9 amd64 SHA256:ab', 'tzdata 2 all size:7', 'zlib1g 1:1.2.13-1 amd64 SHA256:cd'],
    });
    expect(debFile('zlib1g 1:1.2.13-1 amd64')).toBe('zlib1g_1%3a1.2.13-1_amd64.deb');
  });

  it.each([
    ['E: Unable to locate package nosuch', 'not_found', /The package nosuch does not exist/],
    [
      "E: Unable to locate package a\nE: Package 'b' has no installation candidate",
      'not_found',
      /These packages do not exist.*: a, b\./,
    ],
    ['dpkg: unrecoverable fatal error\n cannot copy: No space left on device', 'resource_exhausted', /disk is full/],
    [
      'Err:1 http://x bookworm InRelease\nE: Failed to fetch http://x Could not resolve',
      'unavailable',
      /Failed to fetch/,
    ],
    [
      'Setting up bad (1) ...\nmy own words\ndpkg: error processing package bad (--configure):\n subprocess returned error exit status 3\nE: Sub-process',
      'failed_precondition',
      /my own words\ndpkg: error processing package bad/,
    ],
    [
      '(Reading database ... \r(Reading database ... 5%\nUnpacking bad (1) ...\nSetting up bad (1) ...\nmy words\ndpkg: error processing package bad (--configure):\n exit 3\nE: Sub-process',
      'failed_precondition',
      /^It failed:\nmy words\ndpkg: error processing package bad \(--configure\):\n exit 3$/,
    ],
    [
      'The following packages have unmet dependencies:\n a : Depends: b but it is not installable\nE: Unable to correct problems',
      'failed_precondition',
      /a : Depends: b but it is not installable/,
    ],
  ])('explains %j', (output, code, message) => {
    const error = explainApt(output, 'It failed');
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('follows a build: package, how many of how many, bytes, rate, time left', () => {
    let now = 0;
    const follower = new AptFollower('packages', 2, () => now);
    follower.line('Need to get 2,000 kB of archives.');
    now = 2_000;
    expect(follower.line('Get:1 http://deb.debian.org/debian bookworm/main amd64 bash amd64 5.2 [1490 kB]')).toEqual({
      stage: 'packages',
      text: 'downloading bash, 1.5 of 2.0 MB, 0.7 MB/s, about 18 s left',
      done: 0,
      total: 2,
    });
    expect(follower.line('nothing of interest')).toBeUndefined();
    for (const name of ['bash', 'vim']) {
      follower.line(`Get:1 http://d bookworm/main amd64 ${name} amd64 5.2 [1 kB]`);
      follower.line(`Unpacking ${name}:amd64 (5.2) ...`);
    }
    follower.line('Setting up bash (5.2) ...');
    expect(follower.line('Setting up vim (9) ...')).toEqual({
      stage: 'packages',
      text: 'setting up vim',
      done: 2,
      total: 2,
    });
  });

  it('counts what is there already as fetched', () => {
    const follower = new AptFollower('packages', 4, () => 0);
    expect(follower.line('Need to get 0 B/14.1 MB of archives.')).toMatchObject({ done: 0, total: 4 });
    for (const name of ['a', 'b', 'c', 'd']) follower.line(`Unpacking ${name} (1) ...`);
    for (const name of ['a', 'b', 'c']) follower.line(`Setting up ${name} (1) ...`);
    expect(follower.line('Setting up d (1) ...')).toEqual({
      stage: 'packages',
      text: 'setting up d',
      done: 4,
      total: 4,
    });
  });
});
