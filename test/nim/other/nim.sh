#!/bin/sh
# Another stand-in for a NIM master, which shares nothing with the first: a folder of files, one an object, and only what
# making, using and removing images takes. It prints otherwise (blank lines, wide columns, other orders, warnings on
# every call), fails with other exit codes and numbers, and has no companions but these programs.
db=$(dirname "$0")/../db
me=${0##*/}
sleep 0.03
echo "$me $*" >>"$(dirname "$0")/../calls"
echo "0042-991 $me: warning: this host has two names" >&2

die() {
  echo "0042-001 $me: processing error encountered on \"$1\":" >&2
  echo "      0042-9$2 m_other: $3" >&2
  echo "0042-992 $me: warning: the log is full" >&2
  exit 255
}
get() { sed -n "s/^$2=//p" "$db/$1" 2>/dev/null; }
put() {
  { grep -v "^$2=" "$db/$1"; echo "$2=$3"; } >"$db/.new" && mv "$db/.new" "$db/$1"
}
drop() { grep -v "^$2=" "$db/$1" >"$db/.new"; mv "$db/.new" "$db/$1"; }
class() {
  case $1 in
  standalone | diskless | dataless | master) echo machines ;;
  ent) echo networks ;;
  mac_group) echo groups ;;
  *) echo resources ;;
  esac
}
stanza() {
  printf '\n%s:\n' "$1"
  # The last attribute first, and the equals sign far away.
  sort -r "$db/$1" | while IFS= read -r line; do
    printf '   %-24s   = %s  \n' "${line%%=*}" "${line#*=}"
    case $line in err_info=*) printf '          mount: no such host\n' ;; esac
  done
  printf '\n'
}

if [ "$me" = nim_master_setup ]; then
  mkdir "$db" || die master 01 "is one already"
  printf 'class=machines\ntype=master\nif1=net0 mn 0\nMstate=currently running\n' >"$db/master"
  printf 'class=networks\ntype=ent\nnet_addr=10.0.0.0\nsnm=255.255.255.0\nrouting1=default 10.0.0.254\n' >"$db/net0"
  exit 0
fi
if [ ! -d "$db" ]; then
  echo "$me: not a NIM master" >&2
  exit 3
fi

if [ "$me" = lsnim ]; then
  if [ "$1" != -l ]; then exit 2; fi
  if [ $# = 1 ]; then
    for file in "$db"/*; do stanza "${file##*/}"; done
    exit 0
  fi
  if [ -f "$db/$2" ]; then stanza "$2"; exit 0; fi
  printf '0042-053 lsnim: there is no NIM object named\n        "%s"\n' "$2" >&2
  exit 1
fi

op=''
type=''
pairs=''
for word; do name=$word; done
while [ $# -gt 1 ]; do
  case $1 in
  -o) op=$2; shift 2 ;;
  -t) type=$2; shift 2 ;;
  -a) pairs="$pairs$2
"; shift 2 ;;
  *) shift ;;
  esac
done
attr() { printf '%s' "$pairs" | sed -n "s/^$1=//p"; }
[ "$op" = define ] || [ -f "$db/$name" ] || die "$name" 53x "no such object"

case $op in
define)
  [ -f "$db/$name" ] && die "$name" 32 "name is taken"
  location=$(attr location)
  [ "$type" = spot ] && location=$location/$name/usr
  case $type in
  spot)
    printf 'class=resources\ntype=spot\nlocation=%s\nRstate=unavailable for use\nalloc_count=0\n' "$location" >"$db/$name"
    mkdir -p "$location/lpp/bos/inst_root/etc"
    echo 'init:2:initdefault:' >"$location/lpp/bos/inst_root/etc/inittab"
    echo 'Creating SPOT ...'
    sleep 0.3
    ;;
  lpp_source | root | paging | shared_root | dump) mkdir -p "$location" ;;
  esac
  { printf 'class=%s\ntype=%s\n' "$(class "$type")" "$type"; printf '%s' "$pairs" | grep -v '^location='; } >"$db/$name"
  case $(class "$type") in
  resources) printf 'location=%s\nRstate=ready for use\nalloc_count=0\n' "$location" >>"$db/$name" ;;
  machines) printf 'Cstate=ready for a NIM operation\nMstate=not running\nerr_info=0042-175 c_x: said:\n' >>"$db/$name" ;;
  esac
  ;;
bos_inst | dkls_init)
  case $(get "$name" Cstate) in ready*) ;; *) die "$name" 38 "wrong state" ;; esac
  printf '%s' "$pairs" | while IFS='=' read -r key value; do
    [ -f "$db/$value" ] || continue
    echo "$key=$value" >>"$db/$name"
    put "$value" alloc_count $(($(get "$value" alloc_count) + 1))
  done
  if [ "$op" = bos_inst ]; then put "$name" Cstate 'BOS installation has been enabled'; else put "$name" Cstate 'diskless or dataless boot is enabled'; fi
  ;;
reset) put "$name" Cstate 'ready for a NIM operation' ;;
deallocate)
  for type in spot lpp_source shared_root root paging script bosinst_data resolv_conf; do
    for held in $(get "$name" $type); do
      [ -f "$db/$held" ] && put "$held" alloc_count $(($(get "$held" alloc_count) - 1))
    done
    drop "$name" $type
  done
  ;;
remove)
  [ "$(get "$name" alloc_count)" = 0 ] || [ "$(get "$name" class)" != resources ] || die "$name" 61 "in use"
  rm "$db/$name"
  ;;
check) put "$name" Mstate 'currently running' ;;
change)
  [ "$(printf '%s' "$pairs" | grep -c .)" = 1 ] || die "$name" 13 "one attribute at a time"
  printf '%s' "$pairs" >>"$db/$name"
  ;;
sync_roots) ;;
*) die "$name" 08 "cannot $op" ;;
esac
exit 0
