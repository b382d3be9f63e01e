#!/bin/sh
# Copies files of the NIM master into a SPOT. $1: its usr, $2: its inst_root, $3: the place on the node, $4: folder when
# the place is one; then sources, in which * ? and [ ] stand for other characters. Prints what was copied.
usr=$1
root=$2
case $3 in
/usr | /usr/*) place=$usr${3#/usr} ;;
*) place=$root$3 ;;
esac
kind=$4
shift 4
umask 022
# Names are not taken apart, only patterns are filled in.
IFS=
for pattern in "$@"; do
  for source in $pattern; do
    if [ ! -e "$source" ]; then
      echo "$source is not there" >&2
      exit 1
    fi
    if [ "$kind" = folder ] || [ -d "$place" ]; then
      mkdir -p "$place" || exit 1
      target=${place%/}/${source##*/}
    else
      mkdir -p "${place%/*}" || exit 1
      target=$place
    fi
    # Beside it first, so that nothing is ever there by half.
    rm -rf "$target.hostler"
    cp -pR "$source" "$target.hostler" || exit 1
    if [ -d "$source" ] && [ -d "$target" ]; then
      cp -pR "$target.hostler/." "$target/" && rm -rf "$target.hostler" || exit 1
    else
      mv "$target.hostler" "$target" || exit 1
    fi
    echo "$source"
  done
done
