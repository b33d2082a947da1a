#!/bin/bash
# Puts dockerode and Testcontainers, Docker clients of Node.js, into $BERTH_TEST_CACHE/dockerode; if it cannot be had, the reason into dockerode.reason.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${BERTH_TEST_CACHE:?set BERTH_TEST_CACHE to the cache folder of the tests}
target=$cache/dockerode

cmp -s "$here/package.json" "$target/package.json" && [ -d "$target/node_modules/testcontainers" ] && exit 0
printf 'setup: fetching dockerode and testcontainers\n'
rm -rf "$target"
mkdir -p "$target"
cp "$here/package.json" "$target/"
if log=$(cd "$target" && npm install --no-package-lock --no-audit --no-fund --no-progress --ignore-scripts --omit=optional 2>&1 </dev/null); then
    rm -f "$cache/dockerode.reason"
else
    rm -rf "$target"
    printf 'npm install dockerode failed\n' >"$cache/dockerode.reason"
    printf 'setup: no dockerode: %s\n' "$(tail -3 <<<"$log" | tr '\n' ' ')"
fi
