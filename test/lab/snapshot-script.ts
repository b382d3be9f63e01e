import { btrfsSnapshot, lvmSnapshot, viewer, type Taken } from '../../agent/tasks/clone/capture/snapshots.ts';

/*
 * Snapshots as a capture takes them, on a machine whose kernel has what they need: a script for a virtual machine, with the
 * very words that the agent would run, on volumes in files of its own.
 */

const mib = 2 ** 20;
const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');

function lvm(fstype: string): Taken {
  const volume = {
    ...{ group: 'vgt', volume: fstype, device: `/dev/mapper/vgt-${fstype}`, bytes: 320 * mib },
    ...{ freeBytes: 300 * mib, layout: 'linear' },
  };
  const taken = lvmSnapshot(`/srv/${fstype}`, fstype, volume, `hostler-${fstype}`);
  if (taken === undefined) throw new Error('no snapshot is planned where there is room for one');
  return taken;
}

/** Taken, looked at by the viewer while the file system goes on changing, taken away again. */
function seen(name: string, at: string, { make, remove, view }: Taken): string {
  return `
echo before >${at}/file
${quoted(make)} || fail '${name}: no snapshot comes about'
echo after >${at}/file
mkdir -p /run/view
found=$(${quoted(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', viewer, 'sh', ...view.mount, '/run/view', '--', 'cat', '/run/view/file'])})
[ "$found" = before ] || fail "${name}: seen in the snapshot: $found"
[ "$(cat ${at}/file)" = after ] || fail '${name}: the file system itself is another'
[ -z "$(ls -A /run/view)" ] || fail '${name}: the view is seen outside'
${quoted(remove)} || fail '${name}: the snapshot does not go'
! ls -A ${at} | grep hostler || fail '${name}: something is left'
`;
}

/** For `hostler image test --script`: ends with 1 and a sentence when anything is not as a capture relies on. */
export const snapshotScript = `#!/bin/sh
fail() { echo "$*"; exit 1; }
for module in loop dm-mod dm-snapshot xfs ext4 btrfs; do modprobe $module || fail "no module $module"; done
mkdir -p /srv/files && mount -t tmpfs -o size=900m tmpfs /srv/files
volume() { truncate -s "$2" "/srv/files/$1" && losetup -f --show "/srv/files/$1"; }
for fstype in xfs ext4; do
  loop=$(volume $fstype 700M) && vgcreate -q vgt "$loop" && lvcreate -q --yes -n $fstype -L 320M vgt || fail 'no volume'
  mkfs.$fstype -q /dev/vgt/$fstype && mkdir -p /srv/$fstype && mount /dev/vgt/$fstype /srv/$fstype || fail "no $fstype"
  case $fstype in
  xfs)
${seen('xfs on LVM', '/srv/xfs', lvm('xfs'))}
    ;;
  ext4)
${seen('ext4 on LVM', '/srv/ext4', lvm('ext4'))}
    ;;
  esac
  [ "$(lvs --noheadings -o lv_name vgt | tr -d ' ')" = $fstype ] || fail 'a snapshot is left'
  umount /srv/$fstype && vgremove -q --yes vgt && losetup -d "$loop" && rm "/srv/files/$fstype" || fail 'no end'
done
loop=$(volume btrfs 300M) && mkfs.btrfs -q "$loop" && mkdir -p /srv/btrfs && mount "$loop" /srv/btrfs || fail 'no btrfs'
${seen('btrfs', '/srv/btrfs', btrfsSnapshot('/srv/btrfs', 'hostler-btrfs'))}
umount /srv/btrfs
`;
