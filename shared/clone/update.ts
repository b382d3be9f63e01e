import type { CloneFacts } from './facts.ts';
import { identityFiles, imageFiles, worthlessFiles } from './identity.ts';
import { networkFiles } from './network.ts';

/*
 * What `updatenode -S` leaves as it is on a node. The first list always holds; the second is what an image begins with,
 * and `<scripts>/IMG.update.exclude` takes its place. Patterns of rsync(1), anchored at the root.
 */

/** Fitted to the machine when it was installed, or Hostler's own. */
const fitted: readonly string[] = [
  '/etc/fstab',
  '/etc/crypttab',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/etc/mtab',
  '/etc/mdadm.conf',
  '/etc/mdadm/mdadm.conf',
  '/etc/adjtime',
  '/etc/initramfs-tools/conf.d/resume',
  '/etc/kernel/cmdline',
  '/etc/default/grub',
  '/etc/default/grub.d/*',
  '/boot/grub/*',
  '/boot/grub2/*',
  '/boot/efi/*',
  '/boot/loader/*',
  '/efi/*',
  '/opt/hostler',
  '/usr/lib/systemd/system/hostler-agent.service',
  '/lib/systemd/system/hostler-agent.service',
  '/etc/systemd/system/hostler-agent.service',
  '/etc/systemd/system/*.wants/hostler-agent.service',
  '/var/lib/hostler',
  '/run/hostler',
  // The node's own list; the image's is read where the image lies.
  '/etc/systemimager/updateclient.local.exclude',
  '/etc/xcat/*',
  '/opt/xcat/*',
  '/xcatpost',
];

/** Of the node's own life: SystemImager's and xCAT's lists, as far as the above does not say it already. */
export const usualUpdateExclude: readonly string[] = [
  '/var/log/*',
  '/var/spool/*',
  '/var/cache/*',
  '/var/lib/nfs/*',
  '/var/lib/ntp/*',
  '/var/lib/chrony/*',
  '/var/lib/mlocate/*',
  '/var/lib/plocate/*',
  '/var/lib/systemd/timers/*',
  '/root/.ssh/*',
  '/home/*',
  '/mnt/*',
  '/media/*',
  '/etc/lvm/*',
];

/** Everything that stays on the node. `own`: the image's list in place of the usual one. */
export function updateExclude(facts: CloneFacts, own: readonly string[] | undefined): string[] {
  const network = networkFiles(facts.network, {
    name: 'n',
    domain: 'x',
    ip: '10.0.0.1',
    bits: 24,
    gateway: '10.0.0.254',
    nameservers: ['10.0.0.254'],
    mac: '00:00:00:00:00:00',
    protect: [],
    smaller: false,
    groups: [],
  });
  const written = [...network.away, ...network.files.map(({ path }) => path)];
  const never = [...identityFiles, ...imageFiles, ...worthlessFiles, ...fitted, ...written];
  return [...new Set([...never, ...(own ?? usualUpdateExclude)])];
}

/** Lines of an exclude list: absolute patterns; `#` begins a comment, other lines are refused by name. */
export function excludeLines(text: string): { readonly patterns: string[]; readonly odd: string[] } {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const fits = (line: string): boolean => line.startsWith('/') && !line.includes('\0') && line.length < 4096;
  return { patterns: lines.filter(fits), odd: lines.filter((line) => !fits(line)) };
}

/** A path as a pattern that means it and nothing else. rsync(1): a backslash counts only where a wildcard stands. */
export function literalPattern(path: string): string {
  return /[[*?]/.test(path) ? path.replace(/[\\[*?]/g, '\\$&') : path;
}
