#!/bin/sh
# Becomes the only process of a cell: its own mounts, network and host name. FOLDER is thrown away afterwards.
# Inside, everything of the machine is there to be read; /tmp, /install, /tftpboot, /opt/xcat, /root and /etc/hosts are
# the cell's own. SHOWN, a folder of the machine, is also there as /opt/NAME.
# usage: cell.sh FOLDER HOSTNAME [NAME=SHOWN]... -- COMMAND...
set -eu
folder=$1 name=$2
shift 2
mount --make-rprivate /
hostname "$name"
ip link set lo up
root=$folder/root
mkdir -p "$root" "$folder/own"
mount -t tmpfs -o mode=755 cell "$root"
for entry in /* /.[!.]*; do
  base=${entry#/}
  case $base in tmp | install | tftpboot | opt | root | proc | '.[!.]*') continue ;; esac
  if [ -L "$entry" ]; then
    cp -P "$entry" "$root/$base"
  elif [ -d "$entry" ]; then
    mkdir "$root/$base"
    mount --rbind "$entry" "$root/$base"
  fi
done
mkdir "$root/tmp" "$root/install" "$root/tftpboot" "$root/opt" "$root/opt/xcat" "$root/root" "$root/proc"
chmod 1777 "$root/tmp"
mount --rbind /proc "$root/proc"
for entry in /opt/*; do
  base=${entry#/opt/}
  case $base in xcat | '*') continue ;; esac
  if [ -d "$entry" ]; then
    mkdir "$root/opt/$base"
    mount --rbind "$entry" "$root/opt/$base"
  fi
done
while [ "$1" != -- ]; do
  mkdir "$root/opt/${1%%=*}"
  mount --rbind "${1#*=}" "$root/opt/${1%%=*}"
  shift
done
shift
printf '127.0.0.1 localhost\n10.0.0.1 %s.cluster.test %s\n' "$name" "$name" >"$folder/own/hosts"
mount --bind "$folder/own/hosts" "$root/etc/hosts"
mkdir "$root/tmp/xocwd"
exec chroot "$root" "$@"
