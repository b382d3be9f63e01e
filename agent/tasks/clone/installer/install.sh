# Part of the initrd's init on a machine that is to become a clone: taken in once the network is up, in place of
# fetching an image. Asks the boot server what is to be done to this very machine, does it, restarts from disk.
# shellcheck shell=sh disable=SC2154  # server, mac, boot, interface and the functions are init's
#
# Kernel words besides init's:
#   hostler.secure=https://ADDRESS:PORT  the boot server by TLS
#   hostler.ca=SHA256                    fingerprint of the manager's authority
#   hostler.boot=NAME                    the boot server's agent, whose name its certificate must bear

secure='' authority='' booter=''
for word in $words; do
  case $word in
  hostler.secure=*) secure=${word#*=} ;;
  hostler.ca=*) authority=${word#*=} ;;
  hostler.boot=*) booter=$(plain "${word#*=}") ;;
  esac
done
mkdir -m 0700 /clone
export secure booter server mac boot

# The wget of a static busybox does not bear shared libraries beside it, which the tools here need.
tell() {
  curl -s -m 3 -o /dev/null "$server/progress?mac=$mac&stage=$1&boot=$boot&detail=$(plain "$2")" &
  told="$told $!"
}

# The authority's certificate comes by plain HTTP; it is believed because its fingerprint is the one we were given.
fetch_authority() {
  try=0
  while :; do
    try=$((try + 1))
    if curl -s -f -m 20 -o /clone/ca.pem "$server/ca.pem"; then
      found=$(sed '/-----/d' /clone/ca.pem | base64 -d 2>/dev/null | sha256sum | cut -d' ' -f1)
      [ "$found" = "$authority" ] && return 0
      say "the authority of $server is not the one that the kernel command line names ($found)"
    else
      say "no certificate of the authority from $server (try $try)"
    fi
    back_off "$try"
  done
}

# What is printed with a failure code is the server's reason, for people.
ask() { curl -s -S --cacert /clone/ca.pem --connect-to "::${secure#https://}" --connect-timeout 10 "$@"; }

claim() {
  try=0
  while :; do
    try=$((try + 1))
    code=$(printf '{"mac":"%s","bootId":"%s"}' "$mac" "$boot" |
      ask -X POST --data-binary @- -m 30 -o /clone/claim -w '%{http_code}' "https://$booter/claim" 2>/clone/error)
    if [ "$code" = 200 ]; then
      token=$(sed -n 's/.*"token":"\([A-Za-z0-9_.-]*\)".*/\1/p' /clone/claim)
      (umask 077 && printf 'Authorization: Bearer %s\n' "$token" >/clone/auth)
      return 0
    fi
    say "the boot server gives no token: $(head -c 300 /clone/claim /clone/error 2>/dev/null | tr '\n' ' ')"
    back_off "$try"
  done
}

# Names of the kernel hold no blanks; what a disk says of itself may hold anything.
word_of() { tr -c 'A-Za-z0-9 ._:+/-' '_' | sed 's/^[ _]*//; s/[ _]*$//' | cut -c1-128; }

# As udev calls it below /dev/disk/by-path, for the usual kinds.
path_of() {
  at=$(readlink -f "/sys/block/$1/device")
  pci=$(echo "$at" | grep -o '[0-9a-f]\{4\}:[0-9a-f]\{2\}:[0-9a-f]\{2\}\.[0-7]' | tail -n 1)
  [ -n "$pci" ] || return 0
  case $1 in
  nvme*) echo "pci-$pci-nvme-${1#*n}" | sed 's/nvme-me[0-9]*n/nvme-/' ;;
  sd*) echo "pci-$pci-scsi-$(echo "${at##*/}" | sed 's/^[0-9]*/0/')" ;;
  *) echo "pci-$pci" ;;
  esac
}

describe_machine() {
  firmware=bios
  [ -d /sys/firmware/efi ] && firmware=uefi
  printf '{"firmware":"%s","disks":[' "$firmware"
  comma=''
  for entry in /sys/block/*; do
    # No disk at all: the pattern itself.
    [ -e "$entry/size" ] || continue
    disk=${entry##*/}
    case $disk in
    loop* | ram* | zram* | sr* | fd* | dm-* | md* | nbd*) continue ;;
    esac
    bytes=$(($(cat "$entry/size") * 512))
    [ "$bytes" -gt 0 ] || continue
    serial=$(cat "$entry/serial" "$entry/device/serial" 2>/dev/null | head -n 1 | word_of)
    path=$(path_of "$disk" | word_of)
    busy=false
    [ -z "$(ls "$entry/holders" 2>/dev/null)" ] && ! grep -q "^/dev/$disk" /proc/mounts /proc/swaps || busy=true
    printf '%s{"device":"%s","bytes":%s,"serial":"%s","paths":[%s],"removable":%s,"readOnly":%s,"busy":%s}' \
      "$comma" "$disk" "$bytes" "$serial" "${path:+\"$path\"}" \
      "$(flag "$entry/removable")" "$(flag "$entry/ro")" "$busy"
    comma=,
  done
  printf '],"groups":['
  comma=''
  lvm pvs --noheadings --options vg_name,pv_name 2>/dev/null | while read -r group device; do
    [ -n "$device" ] || continue
    disk=$(readlink -f "/sys/class/block/${device##*/}")
    [ -e "$disk/partition" ] && disk=${disk%/*}
    printf '%s{"name":"%s","disks":["%s"]}' "$comma" "$(echo "$group" | word_of)" "${disk##*/}"
    comma=,
  done
  printf ']}\n'
}

flag() { [ "$(cat "$1" 2>/dev/null)" = 1 ] && echo true || echo false; }

# Waits until there is a plan: what stands in its way can be put right meanwhile.
fetch_plan() {
  said=''
  while :; do
    describe_machine >/clone/machine.json
    code=$(ask -H @/clone/auth -H 'Content-Type: application/json' --data-binary @/clone/machine.json -m 60 \
      -o /clone/plan.sh -w '%{http_code}' "https://$booter/clone/plan" 2>/clone/error)
    [ "$code" = 200 ] && return 0
    reason=$(head -c 1000 /clone/plan.sh /clone/error 2>/dev/null | sed '/^==>/d' | tr '\n' ' ')
    [ "$code" = 409 ] || reason="no plan from the boot server ($code): $reason"
    if [ "$reason" != "$said" ]; then
      say "$reason"
      # What is refused is told by the boot server itself, in its own words.
      [ "$code" = 409 ] || tell failed "$reason"
      said=$reason
    fi
    [ "$code" = 403 ] && claim
    sleep 15
  done
}

if [ -z "$secure" ] || [ -z "$authority" ] || [ -z "$booter" ]; then
  start_over "the kernel command line does not name the boot server (hostler.secure, hostler.ca, hostler.boot)"
fi
tell initrd "$interface"
fetch_authority
claim
modprobe -q -a dm_mod raid0 raid1 raid10 raid456 ext4 xfs btrfs vfat nls_cp437 nls_ascii nls_utf8 efivarfs \
  xxhash_generic sha256_generic blake2b_generic >/dev/null 2>&1
fetch_plan
say "installing"
if /bin/busybox sh -e /etc/clone.sh >/clone/log 2>&1; then
  say "installed; restarting from disk"
  sync
  reboot -f
  echo b >/proc/sysrq-trigger
  sleep 60
fi
reason="$(cat /clone/step 2>/dev/null): $(tail -n 3 /clone/log | tr '\n' ' ')"
say "the installation failed while $reason"
tail -n 40 /clone/log >/dev/console
tell failed "$(printf '%s' "$reason" | cut -c1-190)"
sleep 30
start_over "the installation is begun again"
