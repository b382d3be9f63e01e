#!/bin/busybox sh
# Process 1 of a node that boots a Hostler image: finds the network, fetches the image that the kernel command line
# names by digest, refuses any other, and hands over to it. Runs on busybox alone.
#
# Kernel words:
#   hostler.server=http://ADDRESS:PORT   boot server: image at /blobs/<digest>, stages told to /progress
#   hostler.image=SHA256                 the image file
#   hostler.manifest=SHA256, hostler.signature=BASE64   what the manager signed: checked when the initrd has its key
#   hostler.node=NAME                    the node's name; becomes the host name
#   hostler.rootsize=SIZE                limit of the writable layer (tmpfs syntax); default /etc/rootsize (genimage -l), 50%
#   BOOTIF=01-aa-bb-cc-dd-ee-ff          the card that booted; default: any card with a link and a lease
#   init=PATH                            what to start in the image; default /sbin/init

bb=/bin/busybox
export PATH=/bin
export HOME=/

$bb mkdir -p /proc /sys /dev /run /mem /lower /new /tmp
$bb mount -t proc -o nosuid,noexec,nodev proc /proc
$bb mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
$bb mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
$bb mount -t tmpfs -o nosuid,nodev,mode=0755 run /run
$bb --install -s /bin

# A wrong image is fetched again this often, then the machine starts over.
most_refusals=5
# Seconds without a single new byte after which a download is begun anew (it resumes).
stall_seconds=30

uptime() { cut -d' ' -f1 /proc/uptime; }

say() { echo "hostler: [$(uptime)] $*" >/dev/console; }

# What goes into a URL or a JSON string: nothing that could end it.
# A blank is + in a query.
plain() { printf '%s' "$1" | tr ' ' '+' | tr -c 'A-Za-z0-9._:+-' '_' | cut -c1-200; }

# Best effort: the boot server may be busy or gone, and that must not hold up the boot.
tell() {
  [ -n "$server" ] && [ -n "$mac" ] || return 0
  # Nothing waits for what says why there is no boot.
  patience=3
  [ "$1" = failed ] && patience=20
  timeout "$patience" wget -q -O /dev/null \
    "$server/progress?mac=$mac&stage=$1&boot=$boot&detail=$(plain "$2")" >/dev/null 2>&1 &
  [ "$1" = failed ] || told="$told $!"
}

# Waits 1, 2, 4 ... 30 seconds, and up to 3 more by the card's address, so that a room full of machines spreads out.
back_off() {
  pause=1 step=1
  while [ "$step" -lt "$1" ] && [ "$pause" -lt 30 ]; do pause=$((pause * 2)) step=$((step + 1)); done
  [ "$pause" -gt 30 ] && pause=30
  spread=${mac##*:}
  sleep $((pause + 0x${spread:-0} % 4))
}

start_over() {
  say "starting over in 10 seconds: $*"
  sleep 10
  reboot -f
  # Firmware that ignores the request: by the kernel's own hand.
  echo b >/proc/sysrq-trigger
  sleep 60
  exit 1
}

read_kernel_words() {
  server='' image='' manifest='' signature='' node='' bootif='' init=/sbin/init
  rootsize=$(cat /etc/rootsize 2>/dev/null || echo 50%)
  read -r words </proc/cmdline
  for word in $words; do
    case $word in
    hostler.server=*) server=${word#*=} ;;
    hostler.image=*) image=${word#*=} ;;
    hostler.manifest=*) manifest=${word#*=} ;;
    hostler.signature=*) signature=${word#*=} ;;
    hostler.node=*) node=$(plain "${word#*=}") ;;
    hostler.rootsize=*) rootsize=${word#*=} ;;
    BOOTIF=*) bootif=$(echo "${word#BOOTIF=??-}" | tr 'A-F-' 'a-f:') ;;
    init=*) init=${word#*=} ;;
    esac
  done
  server=${server%/}
}

# Loads whatever the kernel's buses ask for. A driver may bring up a bus with more devices on it, hence the rounds.
load_drivers() {
  modprobe -q -a virtio_rng >/dev/null 2>&1
  # shellcheck disable=SC2046  # one word a module
  [ -s /etc/modules ] && modprobe -q -a $(cat /etc/modules) >/dev/null 2>&1
  # Not empty: busybox grep takes an empty list of patterns to match every line.
  echo none >/tmp/asked
  round=0
  while [ "$round" -lt 6 ]; do
    round=$((round + 1))
    find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >/tmp/now
    grep -v -x -F -f /tmp/asked /tmp/now >/tmp/new
    [ -s /tmp/new ] || break
    cat /tmp/new >>/tmp/asked
    # shellcheck disable=SC2046  # aliases hold no blanks
    modprobe -q -b -a $(cat /tmp/new) >/dev/null 2>&1
  done
}

cards() {
  for device in /sys/class/net/*; do
    [ -e "$device/device" ] || continue
    [ -z "$bootif" ] || [ "$(cat "$device/address")" = "$bootif" ] || continue
    echo "${device##*/}"
  done
}

has_link() { [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]; }

wait_for_link() {
  waited=0
  while [ "$waited" -lt 40 ]; do
    for card in "$@"; do has_link "$card" && return 0; done
    usleep 250000
    waited=$((waited + 1))
  done
  return 1
}

# Sets interface and mac. Goes on until there is a lease: a switch or a DHCP server may well come up after the node.
network_up() {
  try=0
  while :; do
    try=$((try + 1))
    found=$(cards)
    if [ -z "$found" ]; then
      say "no network card${bootif:+ with address $bootif} found (try $try); PCI network devices without a driver:"
      for device in /sys/bus/pci/devices/*; do
        case $(cat "$device/class" 2>/dev/null) in
        0x02*) [ -e "$device/driver" ] || say "  ${device##*/} $(cat "$device/modalias")" ;;
        esac
      done
      back_off "$try"
      load_drivers
      continue
    fi
    for card in $found; do ip link set "$card" up; done
    # shellcheck disable=SC2086  # names of cards hold no blanks
    wait_for_link $found || say "no link on: $(echo "$found" | tr '\n' ' ')(try $try)"
    for card in $found; do
      has_link "$card" || continue
      interface=$card mac=$(cat "/sys/class/net/$card/address")
      say "asking for an address on $card ($mac)"
      if udhcpc -i "$card" -s /etc/dhcp.sh -n -q -t 5 -T 1 -A 1 >/dev/null 2>&1; then
        return 0
      fi
      say "no answer to DHCP on $card (try $try)"
    done
    back_off "$try"
  done
}

size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }

# Fetches $1 into the file $2, going on from what is there. Ends when the server has no more to give, or on a stall.
fetch_once() {
  wget -c -q -O "$2" "$1" >/tmp/wget 2>&1 &
  getter=$!
  quiet=0 before=$(size_of "$2") shown=0 second=0
  while kill -0 "$getter" 2>/dev/null; do
    usleep 200000
    second=$((second + 1))
    [ $((second % 5)) -eq 0 ] || continue
    now=$(size_of "$2")
    if [ "$now" -gt "$before" ]; then quiet=0; else quiet=$((quiet + 1)); fi
    before=$now
    if [ $((now / 67108864)) -gt "$shown" ]; then
      shown=$((now / 67108864))
      say "image: $((now / 1048576)) MiB so far"
    fi
    [ "$quiet" -lt "$stall_seconds" ] || kill "$getter"
  done
  wait "$getter"
}

# The manager's key came with the initrd (packimage puts it there, beside an openssl of the image): only what that key
# has signed is run. The text is the one of shared/identity/image-statement.ts.
signature_is_right() {
  [ -f /etc/hostler/image.pem ] || return 0
  printf 'hostler image 1\nmanifest %s\nroot %s\n' "$manifest" "$image" >/tmp/statement
  printf %s "$signature" | base64 -d >/tmp/signature 2>/dev/null
  OPENSSL_CONF=/dev/null /lib/hostler/ld.so --library-path /lib/hostler /lib/hostler/openssl pkeyutl -verify -pubin \
    -inkey /etc/hostler/image.pem -rawin -in /tmp/statement -sigfile /tmp/signature >/tmp/verified 2>&1
}

refused() {
  say "image digest is $1, expected $image: refusing it"
  tell failed "image digest is $1, expected $image"
}

# A node must not run another image than the one it was told to: no digest, no boot.
load_image() {
  url=$server/blobs/$image
  try=0 refusals=0
  while :; do
    try=$((try + 1))
    # 416: nothing follows what is here already.
    if fetch_once "$url" /mem/image || grep -q ' 416 ' /tmp/wget; then
      digest=$(sha256sum /mem/image | cut -d' ' -f1)
      [ "$digest" = "$image" ] && return 0
      refused "$digest"
      rm -f /mem/image
      refusals=$((refusals + 1))
      [ "$refusals" -lt "$most_refusals" ] || start_over "the boot server holds a wrong image"
    elif grep -q 'HTTP/1.. 4' /tmp/wget; then
      say "the boot server has no such image: $(tail -n 1 /tmp/wget) (try $try)"
      tell failed "the boot server answered $(grep -o 'HTTP/1.*' /tmp/wget)"
      rm -f /mem/image
    else
      say "the download broke off at $(size_of /mem/image) bytes: $(tail -n 1 /tmp/wget) (try $try)"
    fi
    back_off "$try"
  done
}

first_bytes() { head -c "$1" | hexdump -v -e '1/1 "%02x"'; }

# zstd or lz4 of the image, which packimage put here: busybox knows neither.
unpack_by_program() {
  if [ -f /lib/unpack/ld.so ]; then set -- /lib/unpack/ld.so --library-path /lib/unpack; else set --; fi
  "$@" /lib/unpack/program -q -d -c
}

unpacked() {
  case $(first_bytes 2 </mem/image) in
  1f8b) gunzip -c /mem/image ;;
  fd37) unxz -c /mem/image ;;
  28b5 | 0422) unpack_by_program </mem/image ;;
  *) cat /mem/image ;;
  esac
}

# By what the file is: "hsqs", "07070", and whatever else is a tar archive.
format_of_image() {
  case $(first_bytes 4 </mem/image) in
  68737173) echo squashfs ;;
  *)
    case $(unpacked 2>/dev/null | first_bytes 5) in
    3037303730) echo cpio ;;
    *) echo tar ;;
    esac
    ;;
  esac
}

mount_image() {
  format=$(format_of_image)
  case $format in
  squashfs)
    mount -t squashfs -o loop,ro /mem/image /lower || return 1
    mkdir -p /mem/writable
    mount -t tmpfs -o "mode=0755,size=$rootsize" writable /mem/writable || return 1
    mkdir -p /mem/writable/upper /mem/writable/work
    mount -t overlay -o lowerdir=/lower,upperdir=/mem/writable/upper,workdir=/mem/writable/work root /new
    ;;
  *)
    mount -t tmpfs -o mode=0755,size=90% root /new || return 1
    if [ "$format" = cpio ]; then
      unpacked | (cd /new && cpio -i -d -m -u) >/dev/null 2>&1
    else
      unpacked | tar -x -f - -C /new
    fi || return 1
    rm -f /mem/image
    ;;
  esac
}

# The card keeps its address, its lease and its name when systemd-networkd takes over.
keep_network() {
  mkdir -p /run/systemd/network
  cat >/run/systemd/network/10-hostler-boot.link <<LINK
[Match]
PermanentMACAddress=$mac
[Link]
NamePolicy=keep
MACAddressPolicy=none
LINK
  cat >/run/systemd/network/10-hostler-boot.network <<NETWORK
[Match]
PermanentMACAddress=$mac
[Link]
RequiredForOnline=yes
[Network]
DHCP=ipv4
KeepConfiguration=static
[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
UseHostname=no
NETWORK
}

write_record() {
  mkdir -p /run/hostler
  cat >/run/hostler/boot.json.new <<JSON
{"digest":"$image","server":"$(plain "${server#http://}" | sed 's#^#http://#')","mac":"$mac","interface":"$interface","node":"$node","stages":{"initrd":$at_initrd,"network":$at_network,"image":$at_image,"switched":$(uptime)}}
JSON
  mv /run/hostler/boot.json.new /run/hostler/boot.json
}

read_kernel_words
boot=$(cat /proc/sys/kernel/random/boot_id)
told='' interface='' mac=''
at_initrd=$(uptime)
say "initrd started, kernel $(uname -r)"
case $server in
http://*) ;;
*) start_over "the kernel command line names no boot server (hostler.server=http://ADDRESS:PORT)" ;;
esac

load_drivers
network_up
at_network=$(uptime)
say "network is up on $interface: $(cat /run/hostler/address)"
[ -n "$node" ] || node=$(cat /run/hostler/hostname 2>/dev/null)
[ -z "$node" ] || hostname "$node"
# A machine that is to be installed goes another way from here (agent/tasks/clone/installer).
# shellcheck source=/dev/null
[ ! -f /etc/install.sh ] || . /etc/install.sh
tell initrd "$interface"
case $image in
*[!0-9a-f]* | '') start_over "the kernel command line names no image (hostler.image=SHA256)" ;;
esac

mount -t tmpfs -o mode=0700,size=90% mem /mem
if ! signature_is_right; then
  say "the image is not signed by the manager that this initrd belongs to: refusing it ($(tail -n 1 /tmp/verified))"
  tell failed "the signature of the image is wrong"
  sleep 3
  start_over "a wrong signature"
fi
[ ! -f /etc/hostler/image.pem ] || say "the signature of the image is right"
say "fetching the image from $server"
load_image
at_image=$(uptime)
say "image is here: $(size_of /mem/image) bytes, digest is right"
tell image "$(size_of /mem/image) bytes"

until mount_image; do
  say "the image cannot be mounted as $format"
  tell failed "the image cannot be mounted as $format"
  start_over "no root file system"
done
if [ ! -x "/new$init" ] && [ ! -L "/new$init" ]; then
  tell failed "no $init in the image"
  start_over "no $init in the image"
fi

keep_network
tell switched "$init"
# The server learns of all stages, yet a silent one costs no more than its time-out.
for child in $told; do wait "$child"; done
write_record
say "switching to the image"
for place in proc sys dev run; do
  mkdir -p "/new/$place"
  mount --move "/$place" "/new/$place"
done
# A script as init= would otherwise find no tools.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec $bb switch_root /new "$init"
