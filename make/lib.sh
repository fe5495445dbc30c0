# Shared by the scripts here: say, die, as_root, apt_install, request.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export GOTOOLCHAIN=local PATH="$PATH:/usr/local/go/bin:/usr/sbin:/sbin"

say() { printf '==> %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 1
}

# can_be_root: as root, or with sudo (which may ask on a terminal).
can_be_root() {
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install WHAT-FOR PACKAGE...: installs, or says what to install.
apt_install() {
  local why=$1
  shift
  command -v apt-get >/dev/null ||
    die "$why is missing, and this system has no apt-get to install it with." "Install the equivalent of: $*"
  can_be_root ||
    die "$why is missing, and installing it needs root." "Run: sudo apt-get update && sudo apt-get install -y $*"
  say "install $* ($why)"
  as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get update -q >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold "$@" >/dev/null
}

# request PORT HOST PATH: status line, headers and body of a GET to this machine.
request() {
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$2" >&3
  cat <&3
  exec 3>&-
}
