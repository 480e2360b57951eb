#!/bin/sh
# Installs what the peers need, as far as it is missing: their npm packages here, redis-server and PostgreSQL from Debian. Says what it cannot get.
set -u
cd "$(dirname "$0")"
if ! cmp -s package.json node_modules/.installed; then
  echo "peers: installing npm packages (once)" >&2
  if npm install --no-audit --no-fund --ignore-scripts --loglevel=error >&2; then
    cp package.json node_modules/.installed
  else
    echo "peers: npm packages could not be installed; no peer can run" >&2
    exit 1
  fi
fi
debian() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "peers: $1 is missing and cannot be installed here (needs root and apt-get)" >&2
    return 1
  fi
  echo "peers: installing $1 (once)" >&2
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null ||
    { echo "peers: $1 could not be installed" >&2; return 1; }
}
command -v redis-server >/dev/null || debian redis-server || true
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || debian postgresql || true
