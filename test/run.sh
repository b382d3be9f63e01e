#!/bin/sh
# What npm test calls: makes the machine ready (node_modules may not be there yet), then hands over to run.ts.
cd "$(dirname "$0")/.." || exit 1
scope=test
[ "${1:-}" = --full ] && scope=full
if ! sh deploy/ready.sh "$scope"; then
  echo 'FAILED  this machine could not be made ready; the reason stands above'
  echo '0 passed, 1 failed, 0 skipped'
  exit 1
fi
exec node --import tsx test/run.ts "$@"
