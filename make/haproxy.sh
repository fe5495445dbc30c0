#!/usr/bin/env bash
# Installs HAProxy, which tests start for themselves.
. "$(dirname "$0")/lib.sh"
if ! command -v haproxy >/dev/null; then
  # Its package starts a service, which nobody asked for.
  apt_install "HAProxy (the tests start one of their own)" haproxy
  as_root service haproxy stop >/dev/null 2>&1 || true
  as_root update-rc.d haproxy disable >/dev/null 2>&1 || true
  if [ -d /run/systemd/system ]; then as_root systemctl disable --now haproxy >/dev/null 2>&1 || true; fi
fi
