import { describe, expect, it } from 'vitest';
import { majorOf, majorOfMachine } from '../../../../shared/distro/major.ts';
import { knownReleases } from '../../../../shared/distro/release.ts';

describe('family and major release', () => {
  it.each([
    ['debian12', 'debian12'],
    ['debian12.5', 'debian12'],
    ['ubuntu22.04.3', 'ubuntu22.04'],
    ['rhels9.4', 'enterprise9'],
    ['rocky9', 'enterprise9'],
    ['centos-stream10', 'enterprise10'],
    ['fedora41', 'fedora41'],
    ['sles15.5', 'suse15'],
    ['leap15.6', 'suse15'],
    ['plan9', undefined],
  ])('of the osvers %s is %s', (osvers, expected) => {
    expect(majorOf(osvers)).toBe(expected);
  });

  it('is there for every release that can be built', () => {
    for (const osvers of knownReleases()) expect(majorOf(osvers), osvers).toMatch(/^[a-z]+\d+(?:\.\d+)?$/);
  });

  it.each([
    ['debian', '12', 'debian12'],
    ['ubuntu', '24.04', 'ubuntu24.04'],
    ['rhel', '9.4', 'enterprise9'],
    ['rocky', '9.3', 'enterprise9'],
    ['almalinux', '8.10', 'enterprise8'],
    ['ol', '9.4', 'enterprise9'],
    ['centos', '9', 'enterprise9'],
    ['fedora', '40', 'fedora40'],
    ['sles', '15.5', 'suse15'],
    ['opensuse-leap', '15.6', 'suse15'],
    ['aix', '7.3', undefined],
    ['debian', '', undefined],
  ])('of a machine with ID=%s VERSION_ID=%s is %s', (id, version, expected) => {
    expect(majorOfMachine({ id, version })).toBe(expected);
  });
});
