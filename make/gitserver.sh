#!/usr/bin/env bash
# Installs the programs of the git servers that tests and benchmarks start for
# themselves.
. "$(dirname "$0")/lib.sh"
command -v git >/dev/null || apt_install "git" git
if ! command -v sshd >/dev/null; then
  # Its package starts a server, which nobody asked for.
  apt_install "OpenSSH's server (the tests start one of their own)" openssh-server openssh-client
  as_root service ssh stop >/dev/null 2>&1 || true
  as_root update-rc.d ssh disable >/dev/null 2>&1 || true
  if [ -d /run/systemd/system ]; then as_root systemctl disable --now ssh >/dev/null 2>&1 || true; fi
fi
command -v ssh >/dev/null || apt_install "OpenSSH's client" openssh-client
