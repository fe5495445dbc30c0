#!/usr/bin/env bash
# Runs every test. Installs what the tests need where it is missing.
. "$(dirname "$0")/lib.sh"
say "C compiler for the race detector"
command -v "$(go env CC)" >/dev/null || apt_install "a C compiler (the race detector needs one)" gcc libc6-dev
say "PostgreSQL's programs (the tests start a server of their own)"
if ! command -v initdb >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  # Without a server of the system's: its settings say so before it is installed.
  if can_be_root && [ ! -e /etc/postgresql-common ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  apt_install "PostgreSQL" postgresql
fi
say "MariaDB's programs (the tests start a server of their own)"
# The core package is the programs alone: no account, no service.
command -v mariadbd >/dev/null || apt_install "MariaDB" mariadb-server-core
say "PgBouncer (the tests start one of their own)"
if ! command -v pgbouncer >/dev/null; then
  apt_install "PgBouncer" pgbouncer
  as_root service pgbouncer stop >/dev/null || true # its package starts one
  as_root update-rc.d pgbouncer disable
fi
say "Docker engine"
make/engine.sh
status=0
for module in . e2e; do # e2e is a module of its own, for what only its tests need
  say "go test -race ./... in $module"
  (cd "$module" && CGO_ENABLED=1 go test -race -timeout 15m ${TESTFLAGS:-} ./...) || status=1
done
exit $status
