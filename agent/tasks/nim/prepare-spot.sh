#!/bin/sh
# Makes a SPOT ready for its nodes. $1: its inst_root. $2: yes: changes what has to be changed; else only says it.
# Standard input: the script that nodes run when they boot, a dot in front of each line; a line @end; the crypted
# password of root, which may be empty and is on no command line. Prints `changed`, `stale` or `missing`, and a name.
root=$1
write=$2
umask 077
newline='
'
tab=$(printf '\t')

script=
while IFS= read -r line; do
  [ "$line" = @end ] && break
  script=$script${line#.}$newline
done
IFS= read -r hash || :

if [ ! -d "$root" ]; then
  echo "missing inst_root"
  exit 0
fi

# Name below the root, mode of a new file, text without its last line's end.
place() {
  wanted=$(
    cat <<EOF
$3
EOF
  )
  if [ "$(cat "$root/$1" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  if [ "$write" != yes ]; then
    echo "stale $1"
    return 0
  fi
  new=$root/$1.hostler
  rm -f "$new"
  # Owner and mode of what is replaced stay.
  if [ -f "$root/$1" ]; then cp -p "$root/$1" "$new" || exit 1; else : >"$new" && chmod "$2" "$new" || exit 1; fi
  cat >"$new" <<EOF || exit 1
$3
EOF
  mv "$new" "$root/$1" || exit 1
  echo "changed $1"
}

folder() {
  if [ "$write" = yes ] && [ ! -d "$root/$1" ]; then mkdir "$root/$1" && chmod 755 "$root/$1" || exit 1; fi
}

folder opt
folder opt/xcat
place opt/xcat/xcataixpost 755 "${script%"$newline"}"

if [ -f "$root/etc/inittab" ]; then
  text=
  while IFS= read -r line; do
    case $line in xcat:*) ;; *) text=$text$line$newline ;; esac
  done <"$root/etc/inittab"
  place etc/inittab 644 "${text}xcat:2:wait:/opt/xcat/xcataixpost >/dev/console 2>&1"
else
  echo "missing etc/inittab"
fi

[ -n "$hash" ] || exit 0
if [ ! -d "$root/etc/security" ]; then
  echo "missing etc/security"
  exit 0
fi
text=
in=no
seen=no
users=$root/etc/security/passwd
[ -f "$users" ] || users=/dev/null
while IFS= read -r line; do
  case $line in
  root:)
    in=yes
    seen=yes
    text=$text$line$newline${tab}password\ =\ $hash$newline
    continue
    ;;
  [!\ $tab]*:) in=no ;;
  *password*=*) [ $in = yes ] && continue ;;
  # ADMCHG would have everybody choose another one first.
  *flags*=*) [ $in = yes ] && continue ;;
  esac
  text=$text$line$newline
done <"$users"
[ $seen = yes ] || text=${text}root:$newline${tab}password\ =\ $hash$newline
place etc/security/passwd 600 "${text%"$newline"}"

# Without the mark there the other file is not looked at.
if [ -f "$root/etc/passwd" ]; then
  text=
  while IFS= read -r line; do
    case $line in
    root:*)
      rest=${line#root:}
      line=root:!:${rest#*:}
      ;;
    esac
    text=$text$line$newline
  done <"$root/etc/passwd"
  place etc/passwd 644 "${text%"$newline"}"
fi
exit 0
