#!/usr/bin/env bash
# Installs the database servers that tests and benchmarks start for themselves.
. "$(dirname "$0")/lib.sh"
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
