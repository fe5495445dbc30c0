#!/usr/bin/env bash
# Installs the image registry that tests start for themselves.
. "$(dirname "$0")/lib.sh"
command -v docker-registry >/dev/null && exit 0
# Its package starts a server, which nobody asked for.
apt_install "an image registry (the tests start their own)" docker-registry
as_root service docker-registry stop >/dev/null 2>&1 || true
as_root update-rc.d docker-registry disable >/dev/null 2>&1 || true
if [ -d /run/systemd/system ]; then as_root systemctl disable --now docker-registry >/dev/null 2>&1 || true; fi
