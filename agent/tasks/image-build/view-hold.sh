#!/bin/sh
# Holds a tree mounted in this process's own namespace until its input ends:
#   view-hold.sh LAYERS-FOLDER overlay|bind SEEN-AT WHAT SYSTEM [FROM PATH-IN-TREE]...
# WHAT: options of the overlay (paths in it are relative to LAYERS-FOLDER), or the folder to show. SYSTEM: yes or no.
# Says "held PID" when all is there. Exit 77: this machine cannot mount overlays there.
set -eu
cd "$1"
kind=$2 seen=$3 what=$4 system=$5
shift 5

if [ "$kind" = overlay ]; then
  mount -t overlay -o "$what" overlay "$seen" || exit 77
else
  mount --bind "$what" "$seen"
fi
if [ "$system" = yes ]; then
  mkdir -p "$seen/proc" "$seen/sys" "$seen/dev" "$seen/run" "$seen/tmp"
  mount -t proc -o nosuid,nodev,noexec proc "$seen/proc"
  mount --rbind -o ro /sys "$seen/sys" 2>/dev/null || mount -t sysfs -o ro sysfs "$seen/sys"
  mount -t tmpfs -o mode=755,size=4m,nosuid dev "$seen/dev"
  for node in null zero full random urandom tty; do
    : >"$seen/dev/$node"
    mount --bind "/dev/$node" "$seen/dev/$node"
  done
  mkdir "$seen/dev/pts" "$seen/dev/shm"
  ln -s /proc/self/fd "$seen/dev/fd"
  ln -s fd/0 "$seen/dev/stdin"
  ln -s fd/1 "$seen/dev/stdout"
  ln -s fd/2 "$seen/dev/stderr"
  mount -t tmpfs -o mode=755,nosuid,nodev run "$seen/run"
  mkdir "$seen/run/lock"
  chmod 1777 "$seen/run/lock"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$seen/tmp"
fi
while [ $# -ge 2 ]; do
  mkdir -p "$seen/$2"
  mount --bind "$1" "$seen/$2"
  shift 2
done
echo "held $$"
cat >/dev/null
cd /
umount -R "$seen" 2>/dev/null || umount -R -l "$seen"
