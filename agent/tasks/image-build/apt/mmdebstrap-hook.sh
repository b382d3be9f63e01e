#!/bin/sh
# Called by mmdebstrap at every stage of a build, with the tree as $1 and the stage in MMDEBSTRAP_HOOK. Runs outside the
# tree. In the environment: HOSTLER_APT (folder of the build's apt: lists/, acquire.conf, auth.conf), HOSTLER_DEBS
# (package files kept from build to build), HOSTLER_WANTED (names of package files that this build needs).
set -eu
root=$1
archives=$root/var/cache/apt/archives

# Package files are shared by hard link where that is possible; apt checks their digests again.
keep_debs() {
  for deb in "$archives"/*.deb; do
    [ -e "$deb" ] || continue
    [ -e "$HOSTLER_DEBS/${deb##*/}" ] || ln "$deb" "$HOSTLER_DEBS/" 2>/dev/null || cp -p "$deb" "$HOSTLER_DEBS/"
  done
}

case $MMDEBSTRAP_HOOK in
setup)
  cp "$HOSTLER_APT/acquire.conf" "$root/etc/apt/apt.conf.d/00hostler-build"
  if [ -e "$HOSTLER_APT/auth.conf" ]; then
    mkdir -p "$root/etc/apt/auth.conf.d"
    cp "$HOSTLER_APT/auth.conf" "$root/etc/apt/auth.conf.d/00hostler-build.conf"
  fi
  mkdir -p "$archives/partial"
  # The lists that the build was reckoned with: nothing may change in between.
  mkdir -p "$root/var/lib/apt/lists/partial"
  find "$HOSTLER_APT/lists" -maxdepth 1 -type f ! -name lock -exec cp -p {} "$root/var/lib/apt/lists/" \;
  while read -r deb; do
    [ -e "$HOSTLER_DEBS/$deb" ] || continue
    ln "$HOSTLER_DEBS/$deb" "$archives/" 2>/dev/null || cp -p "$HOSTLER_DEBS/$deb" "$archives/"
  done <"$HOSTLER_WANTED"
  # An initrd made inside the tree would never be used, and takes half an hour under emulation.
  mkdir -p "$root/etc/initramfs-tools"
  echo 'update_initramfs=no' >"$root/etc/initramfs-tools/update-initramfs.conf"
  ;;
extract)
  keep_debs
  # Tools of this machine, for a tree of another architecture (native-tools.ts).
  if [ -n "${HOSTLER_NATIVE-}" ]; then
    cp -r "$HOSTLER_NATIVE" "$root/run/hostler-native"
    echo "DPkg::Path \"$PATH\";" >>"$root/etc/apt/apt.conf.d/00hostler-build"
  fi
  ;;
essential) ;;
customize)
  keep_debs
  rm -rf "$root/run/hostler-native"
  rm -f "$root/etc/apt/apt.conf.d/00hostler-build" "$root/etc/apt/auth.conf.d/00hostler-build.conf"
  ;;
esac
