# Does what the boot server planned for this machine (/clone/plan.sh), in a shell of its own that ends at the first
# failure. Its output is a log; what people are to see goes to the console by `step`.
# shellcheck shell=sh disable=SC2154  # secure and booter come from install.sh
# shellcheck disable=SC3040  # busybox has it
set -e -o pipefail

target=/target
# Seconds without a byte after which a download is begun anew; it goes on where it was.
stall=30

ask() { curl -s -S --cacert /clone/ca.pem --connect-to "::${secure#https://}" --connect-timeout 10 -H @/clone/auth "$@"; }

# This shell takes its own programs before those of /bin, and its own lack what is needed here.
mkswap() { /bin/mkswap "$@"; }
tar() { /bin/tar "$@"; }

# Best effort: what cannot be told must not hold up the work.
report() { ask -m 5 -o /dev/null --data-urlencode "text=$1" "https://$booter/clone/report" || true; }

step() {
  echo "$*" >/clone/step
  echo "== $*"
  echo "hostler: [$(cut -d' ' -f1 /proc/uptime)] $*" >/dev/console
  report "$*"
}

wait_for() {
  for device in "$@"; do
    waited=0
    until [ -b "$device" ]; do
      waited=$((waited + 1))
      [ "$waited" -lt 100 ] || { echo "$device does not appear"; return 1; }
      usleep 100000
    done
  done
}

# From byte $2 on, as often as it takes. The reader's end ends it.
pour() {
  at=0 failures=0
  while [ "$at" -lt "$2" ]; do
    code=0
    ask -f -r "$at-" --speed-limit 1 --speed-time "$stall" -w '%{stderr}#%{size_download}' "$1" 2>/clone/got || code=$?
    more=$(sed -n 's/.*#\([0-9]*\)$/\1/p' /clone/got)
    at=$((at + ${more:-0}))
    # 23: nobody reads any more.
    [ "$code" != 23 ] || return 1
    [ "$at" -lt "$2" ] || break
    if [ "${more:-0}" -gt 0 ]; then failures=0; else failures=$((failures + 1)); fi
    [ "$failures" -lt 120 ] || { echo "the boot server does not give the tree: $(cat /clone/got)" >&2; return 1; }
    [ "$failures" -eq 0 ] || echo "hostler: the tree is cut off at $at of $2 bytes; asking again" >/dev/console
    sleep 5
  done
}

# fill FOLDER DIGEST BYTES: the packed tree, unpacked as it comes, and refused in the end when it is not the one.
fill() {
  mkfifo /clone/pipe
  sha256sum </clone/pipe >/clone/sum &
  summer=$!
  pour "https://$booter/clone/tree" "$3" | tee /clone/pipe | zstd -q -d -c |
    tar -x -f - -C "$1" --numeric-owner --preserve-permissions --same-owner --acls --xattrs '--xattrs-include=*' \
      --delay-directory-restore
  wait "$summer"
  [ "$(cut -d' ' -f1 /clone/sum)" = "$2" ] || { echo "what was filled in is not the tree that was to come"; return 1; }
}

ready=''
in_target() {
  if [ -z "$ready" ]; then
    mkdir -p "$target/proc" "$target/sys" "$target/dev" "$target/run" "$target/tmp"
    mount -t proc proc "$target/proc"
    mount -o rbind /sys "$target/sys"
    mount -o rbind /dev "$target/dev"
    mount -t tmpfs -o mode=0755 run "$target/run"
    # What the programs of the clone ask udev for (grub-probe, update-grub).
    mkdir -p "$target/run/udev" "$target/run/lock"
    ready=yes
  fi
  PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$target" "$@"
}

# put MODE PATH TEXT, by the clone's own shell: its links lead where they lead there.
put() {
  # shellcheck disable=SC2016  # for the shell inside
  in_target /bin/sh -c '
    # A link to a file of a running service belongs to that service.
    case $2 in /etc/resolv.conf) [ ! -L "$2" ] || exit 0 ;; esac
    mkdir -p "${2%/*}" && rm -f -- "$2" && printf %s "$3" >"$2" && chmod "$1" "$2"' put "$1" "$2" "$3"
}

away() {
  # shellcheck disable=SC2016
  in_target /bin/sh -c 'for pattern; do for file in $pattern; do rm -f -- "$file"; done; done' away "$@"
}

own_name() {
  full=${2:+$1.$2 }
  # shellcheck disable=SC2016
  in_target /bin/sh -c '
    [ -e /etc/hosts ] || printf "127.0.0.1 localhost\n" >/etc/hosts
    grep -v "^127\.0\.1\.1[[:space:]]" /etc/hosts >/etc/hosts.new || true
    printf "127.0.1.1 %s\n" "$1" >>/etc/hosts.new
    cat /etc/hosts.new >/etc/hosts && rm -f /etc/hosts.new' own_name "$full$1"
}

# Keys of its own for ssh, where it serves ssh: not every distribution makes them at the first start.
own_keys() {
  # shellcheck disable=SC2016
  in_target /bin/sh -c 'if [ -d /etc/ssh ] && command -v ssh-keygen >/dev/null; then ssh-keygen -A; fi'
}

# piece DIGEST: an override or script into $part, not looked at before it is the one that was to come.
part=$target/tmp/.hostler-piece
piece() {
  mkdir -p "$target/tmp"
  tries=0
  while :; do
    rm -f "$part"
    (umask 077 && : >"$part")
    ask -f -m 3600 -o "$part" "https://$booter/clone/piece?digest=$1" || true
    [ "$(sha256sum <"$part" | cut -d' ' -f1)" != "$1" ] || return 0
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || { echo "the boot server does not give the piece $1"; return 1; }
    sleep 5
  done
}

# lay NAME DIGEST: an override over the tree; folders that are there stay what they are, links to folders too.
lay() {
  step "laying the override $1"
  piece "$2"
  zstd -q -d -c "$part" |
    in_target tar -x -f - -C / --numeric-owner --preserve-permissions --same-owner --acls --xattrs '--xattrs-include=*' \
      --no-overwrite-dir --keep-directory-symlink
  rm -f "$part"
}

# run_script NAME DIGEST: a post-install script, in the new system.
run_script() {
  step "running the post-install script $1"
  piece "$2"
  mkdir -p "$target/tmp/post-install"
  zstd -q -d -c "$part" >"$target/tmp/post-install/$1"
  chmod 0700 "$target/tmp/post-install/$1"
  rm -f "$part"
  # shellcheck disable=SC2016
  in_target /bin/sh -c 'cd /tmp/post-install && set -a && . ./variables.txt && set +a && "./$1" </dev/null' script "$1" ||
    { echo "the post-install script $1 ended with $?"; return 1; }
}

scripts_done() { rm -rf "$target/tmp/post-install"; }

# new_ids OLD NEW ...: everywhere a boot loader or an early start looks for a file system by its id.
new_ids() {
  : >/clone/ids.sed
  while [ $# -gt 1 ]; do
    echo "s/$1/$2/gI" >>/clone/ids.sed
    shift 2
  done
  cp /clone/ids.sed "$target/tmp/hostler-ids.sed"
  # shellcheck disable=SC2016
  in_target /bin/sh -c '
    for file in /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/grub2/grubenv /boot/efi/EFI/*/grub.cfg \
      /boot/loader/entries/*.conf /efi/loader/entries/*.conf /etc/default/grub /etc/default/grub.d/*.cfg \
      /etc/kernel/cmdline /etc/initramfs-tools/conf.d/resume /etc/dracut.conf.d/*.conf; do
      [ -f "$file" ] || continue
      sed -f /tmp/hostler-ids.sed "$file" >/tmp/hostler-ids.new && ! cmp -s /tmp/hostler-ids.new "$file" || continue
      cat /tmp/hostler-ids.new >"$file"
    done
    rm -f /tmp/hostler-ids.sed /tmp/hostler-ids.new'
}

# Its RAIDs are others; what else stands there (whom to tell of a failure) is the golden client's. A line that begins
# with blanks goes on with the one before.
raid_table() {
  {
    # shellcheck disable=SC2016
    in_target cat "$1" | awk '/^[^ \t]/ { skip = tolower(substr($1, 1, 3)) == "arr" } !skip'
    mdadm --detail --scan | sed 's/ name=[^ ]*//'
  } >/clone/mdadm.conf
  put 644 "$1" "$(cat /clone/mdadm.conf)
"
}

# more_drivers DISK ...: what reaches these disks here and not on the golden client is added to the clone's initramfs.
more_drivers() {
  missing=''
  for disk in "$@"; do
    at=$(readlink -f "/sys/block/$disk/device")
    while [ -n "$at" ] && [ "$at" != /sys/devices ]; do
      module=$(readlink "$at/driver/module" || true)
      module=${module##*/}
      if [ -n "$module" ] && grep -q -x "$module" /etc/drivers/list; then missing="$missing $module"; fi
      at=${at%/*}
    done
  done
  [ -n "$missing" ] || return 0
  step "adding drivers to the early system:$missing"
  laid_over "$(cat /etc/drivers/initrd)" </etc/drivers/cpio
}

# laid_over INITRAMFS: an archive from standard input that the kernel unpacks after those that are there. It wants each
# to begin at a multiple of four bytes.
laid_over() {
  over=$(($(stat -c %s "$target$1") % 4))
  [ "$over" = 0 ] || head -c $((4 - over)) /dev/zero >>"$target$1"
  cat >>"$target$1"
}

# early_file PATH TEXT: what the clone's initramfs has there, for this machine.
early_file() {
  mkdir -p "/clone/early/$(dirname "$1")"
  printf %s "$2" >"/clone/early/$1"
}

early_done() {
  step "fitting the early system to these disks"
  (cd /clone/early && find . | cpio -o -H newc) | laid_over "$1"
}

# by_uuid ID DEVICE ...: as udev would name them. Without these names update-grub writes what the kernel calls the disk
# today (root=/dev/sda2), and the clone does not start when it is called otherwise tomorrow.
by_uuid() {
  mkdir -p /dev/disk/by-uuid
  while [ $# -gt 1 ]; do
    ln -sf "$2" "/dev/disk/by-uuid/$1"
    shift 2
  done
}

# other_esp DEVICE: what firmware starts from when the disk with the first EFI system partition is gone.
other_esp() {
  mkdir -p /clone/esp
  mount -t vfat "$1" /clone/esp
  cp -r "$target/boot/efi/EFI" /clone/esp/
  umount /clone/esp
}

# Firmware looks there without any entry of its own.
fallback_loader() {
  from=$target/boot/efi/EFI/$1
  mkdir -p "$target/boot/efi/EFI/BOOT"
  for name in shimx64 grubx64 mmx64; do
    [ -f "$from/$name.efi" ] || continue
    to=$name
    [ "$name" != shimx64 ] || to=BOOTX64
    cp "$from/$name.efi" "$target/boot/efi/EFI/BOOT/$to.EFI"
  done
  [ ! -f "$from/grub.cfg" ] || cp "$from/grub.cfg" "$target/boot/efi/EFI/BOOT/grub.cfg"
}

# The last thing before the machine starts over: all is on the disk before the server is told that it is.
finish() {
  mkdir -p "$target/var/lib/hostler"
  chmod 0700 "$target/var/lib/hostler"
  (umask 077 && ask -f -m 30 -o "$target/var/lib/hostler/installed.json" -X POST --data '' "https://$booter/clone/enrolment")
  sync
  cut -d' ' -f2 /proc/mounts | grep "^$target\(/\|\$\)" | sort -r >/clone/mounts
  while read -r place; do umount "$place" || umount -l "$place"; done </clone/mounts
  sync
  tries=0
  until ask -f -m 30 -o /dev/null -X POST --data '' "https://$booter/clone/done"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || return 1
    sleep 5
  done
}

# shellcheck source=/dev/null
. /clone/plan.sh
