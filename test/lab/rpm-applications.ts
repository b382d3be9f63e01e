import type { LabRpm } from './rpm-repository.ts';

/** Packages that both distributions have. */
export const applications: readonly LabRpm[] = [
  {
    name: 'labapp',
    epoch: 1,
    version: '2.0',
    requires: ['labdep', '/bin/sh'],
    files: { '/usr/share/labapp/version': { text: '2.0\n' } },
    scripts: {
      '%post': 'echo "$(uname -m) $1 LESSON=$LESSON SITE=$SITE $(ls -d /proc/self /dev/null)" > /usr/share/labapp/post',
    },
  },
  { name: 'labdep', requires: ['lab-base'], files: { '/usr/share/labdep': { text: 'needed\n' } } },
  { name: 'labmember', files: { '/usr/share/labmember': { text: 'of the group\n' } } },
  { name: 'labunwanted', files: { '/usr/share/labunwanted': { text: 'of the group\n' } } },
  { name: 'lablate', requires: ['lab-base'], scripts: { '%post': 'echo "LESSON=$LESSON" > /usr/share/lablate' } },
  { name: 'labshort', files: { '/usr/share/labshort': { text: 'not for long\n' } } },
  { name: 'labmore', files: { '/usr/share/labmore': { text: 'one more\n' } } },
  { name: 'labbroken', requires: ['lab-base'], scripts: { '%pre': 'echo "labbroken has no licence"\nexit 7' } },
  { name: 'labwrong', requires: ['nothing-has-this'] },
  { name: 'patterns-lab', provides: ['pattern() = lab_tools', 'pattern-visible()'], requires: ['labmember'] },
];

/** Those of another folder. */
export const otherApplications: readonly LabRpm[] = [
  { name: 'labtool', requires: ['labapp'], files: { '/usr/share/labtool': { text: 'from elsewhere\n' } } },
  {
    name: 'labapp',
    epoch: 1,
    version: '2.5',
    requires: ['labdep'],
    files: { '/usr/share/labapp/version': { text: '2.5\n' } },
  },
];
