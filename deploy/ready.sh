#!/bin/sh
# Makes this machine ready: Debian packages of packages.txt and npm modules, each only when something is missing.
#   ready.sh [run|test|full]     test (the default) includes what only tests need, full what only the slow ones need
# Quick when nothing is to be done. Says what it does; needs root only for packages.
set -eu
cd "$(dirname "$0")/.."
scope=${1:-test}

fail() { echo "$*" >&2; exit 1; }

command -v node >/dev/null 2>&1 || fail 'Node.js 20 or later is needed; there is no program called node. On Debian 13: apt-get install nodejs npm.'
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  fail "Node.js 20 or later is needed; this one is $(node --version)."

if command -v dpkg-query >/dev/null 2>&1; then
  wanted=
  while read -r name who _; do
    case $name in '' | '#'*) continue ;; esac
    case $scope-$who in *-run | test-test | full-*) wanted="$wanted $name" ;; esac
  done <deploy/packages.txt
  # One question for all; names that dpkg has never heard of go to its standard error.
  # shellcheck disable=SC2086
  there=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true)
  missing=
  for name in $wanted; do
    case "
$there
" in *"
$name installed
"*) ;; *) missing="$missing $name" ;; esac
  done
  if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || fail "These packages are missing:$missing
Install them as root: apt-get install --no-install-recommends$missing"
    echo "installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086
    install() { apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1; }
    # The package lists may be missing or too old; they are only fetched when the first try shows it.
    if ! install && ! { apt-get update -q >"$log" 2>&1 && install; }; then
      tail -n 30 "$log" >&2
      rm -f "$log"
      fail 'The packages could not be installed; the last lines of apt-get stand above.'
    fi
    rm -f "$log"
  fi
  # Containers start without the table in which emulators of other architectures stand.
  if [ "$(id -u)" = 0 ] && command -v update-binfmts >/dev/null 2>&1 && [ ! -e /proc/sys/fs/binfmt_misc/register ]; then
    if mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null; then update-binfmts --enable || true; fi
  fi
else
  echo 'This is not a Debian system: install the equivalents of deploy/packages.txt by hand.' >&2
fi

if node deploy/modules-stale.mjs; then
  echo 'installing npm modules'
  npm ci --no-audit --no-fund --loglevel=error
fi
