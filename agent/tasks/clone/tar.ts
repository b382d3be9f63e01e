/** GNU tar for a folder as one zstd stream on standard output, in an order that is always the same. */
export function tarArguments(folder: string): string[] {
  return [
    ...['--create', '--directory', folder, '--sort=name', '--numeric-owner', '--sparse', '--acls'],
    ...['--xattrs', '--xattrs-include=*', '--format=posix', '--anchored'],
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
    ...['--use-compress-program', 'zstd -q -3 -T0'],
  ];
}
