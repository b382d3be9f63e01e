/*
 * What makes a machine that machine and no other (facts systemimager.md, section 10). None of it leaves the golden
 * client: a capture passes it by. What a system needs to start makes it anew.
 */

/** Patterns of rsync(1), anchored at the root of the tree. */
export const identityFiles: readonly string[] = [
  // What is known of this machine alone.
  '/etc/machine-id',
  '/var/lib/dbus/machine-id',
  '/etc/hostid',
  '/etc/ssh/ssh_host_*',
  '/etc/iscsi/initiatorname.iscsi',
  '/etc/nvme/hostnqn',
  '/etc/nvme/hostid',
  '/etc/krb5.keytab',
  '/etc/pki/consumer/*',
  '/etc/pki/entitlement/*',
  '/etc/rhsm/facts/*',
  '/var/lib/rhsm/*',
  '/etc/salt/pki/minion/*',
  '/etc/puppetlabs/puppet/ssl/*',
  '/var/lib/puppet/ssl/*',
  '/var/lib/cloud/*',
  '/var/lib/systemd/random-seed',
  '/var/lib/systemd/credential.secret',
  '/var/lib/urandom/random-seed',
  // Hostler's own agent: no clone is ever taken for the golden client.
  '/var/lib/hostler/*',
  '/run/hostler/*',
  // Cards and disks of that machine.
  '/etc/udev/rules.d/70-persistent-net.rules',
  '/etc/udev/rules.d/75-persistent-net-generator.rules',
  '/etc/udev/rules.d/70-persistent-cd.rules',
  '/etc/lvm/devices/*',
  '/etc/lvm/backup/*',
  '/etc/lvm/archive/*',
  '/etc/lvm/cache/*',
  '/etc/multipath/bindings',
  '/etc/multipath/wwids',
  // Leases and what an address was asked for by.
  '/var/lib/dhcp/*',
  '/var/lib/dhclient/*',
  '/var/lib/dhcpcd/*',
  '/etc/dhcpcd.duid',
  '/var/lib/NetworkManager/*',
  '/var/lib/systemd/network/*',
  '/var/lib/wicked/*',
];

/**
 * What SystemImager's tools read in an image: the golden client's disks, by their ids. They stay in the image; a clone has
 * disks of its own.
 */
export const imageFiles: readonly string[] = [
  '/etc/systemimager/autoinstallscript.conf',
  '/etc/systemimager/mounted_filesystems',
];

/** Nothing that a clone could use: state of the moment, and what can be fetched again. */
export const worthlessFiles: readonly string[] = [
  '/proc/*',
  '/sys/*',
  '/dev/*',
  '/run/*',
  '/tmp/*',
  '/var/tmp/*',
  '/var/run/*',
  '/var/lock/*',
  '/lost+found',
  '/var/cache/apt/archives/*.deb',
  '/var/cache/apt/*.bin',
  '/var/cache/dnf/*',
  '/var/cache/yum/*',
  '/var/cache/zypp/packages/*',
  '/var/log/journal/*',
  '/var/lib/systemd/coredump/*',
  '/var/crash/*',
  '/root/.bash_history',
  '/xcatpost/*',
];
