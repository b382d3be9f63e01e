import { describe, expect, it } from 'vitest';
import { checkedTarget } from '../../../../../agent/tasks/image-export/target.ts';

describe('a file of a bundle', () => {
  it.each([
    '/install/custom/netboot/rocky/compute.pkglist',
    '/opt/xcat/share/xcat/netboot/rh/compute.exlist',
    '/opt/hostler/share/netboot/rh/compute.exlist',
    '/tmp/lists/one',
    '/root/images/post.sh',
    '/export/u/.hostler/install/custom/list',
  ])('goes back to where it was: %s', (path) => {
    expect(checkedTarget(path, '/export/u/.hostler/install')).toBe(path);
  });

  it.each([
    '/etc/passwd',
    '/root/.ssh/authorized_keys',
    '/export/u/.bashrc',
    '/var/spool/cron/crontabs/root',
    '/var/lib/hostler/agent/identity/key.pem',
    '/usr/local/bin/ls',
    '/opt/hostler/hostler-agent',
    '/install/../etc/passwd',
    '/installed',
    'list',
  ])('is not written where no image has one: %s', (path) => {
    expect(() => checkedTarget(path, '/install')).toThrow();
  });
});
