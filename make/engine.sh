#!/usr/bin/env bash
# Makes sure that a Docker engine answers: installs docker.io where there is
# none, starts it where it doesn't run. Says nothing when all is there.
#
# An engine started here without systemd keeps its log and process id in
# .cache/engine; `make down` stops it when no container is left on it.
. "$(dirname "$0")/lib.sh"
state=$root/.cache/engine

answers() { timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>"$state/error"; }

refused() { grep -qi 'permission denied' "$state/error"; }

explain_refused() {
  die "a Docker engine runs, but $(id -un) may not use it." \
    "Run: sudo usermod -aG docker $(id -un), log in again, and run make again; or run make as root."
}

install() {
  local packages=(docker.io iptables ca-certificates)
  command -v docker >/dev/null && command -v dockerd >/dev/null && return
  if ! apt-cache show docker.io >/dev/null 2>&1 && can_be_root; then as_root apt-get update -q >/dev/null; fi
  # Newer distributions keep the command line client in a package of its own.
  if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  apt_install "a Docker engine" "${packages[@]}"
}

# nest_cgroups moves this container's processes out of the top group, which
# cgroup v2 asks of whoever wants to make groups below it.
nest_cgroups() {
  local top=/sys/fs/cgroup
  [ -e $top/cgroup.type ] && [ -w $top/cgroup.procs ] || return 0
  mkdir -p $top/init
  while read -r process; do echo "$process" >$top/init/cgroup.procs || true; done <$top/cgroup.procs 2>/dev/null
  sed 's/ / +/g; s/^/+/' <$top/cgroup.controllers >$top/cgroup.subtree_control || true
}

# mount_cgroups: without systemd, nobody may have mounted control groups yet.
mount_cgroups() {
  if grep -q ' cgroup2\? ' /proc/mounts; then return; fi
  command -v cgroupfs-mount >/dev/null || apt_install "control groups" cgroupfs-mount
  as_root cgroupfs-mount || true # the engine's own message says more
}

start() {
  can_be_root || die "no Docker engine runs, and starting one needs root." "Run: sudo make/engine.sh, then make again."
  if [ -d /run/systemd/system ]; then
    say "start docker (systemd)"
    as_root systemctl start docker || true
    return
  fi
  mount_cgroups
  say "start dockerd (log: .cache/engine/dockerd.log)"
  [ "$(id -u)" != 0 ] || nest_cgroups 2>/dev/null
  # The socket belongs to the group of who runs this, so that no new login is needed.
  as_root setsid nohup dockerd --pidfile "$state/dockerd.pid" --group "$(id -gn)" \
    </dev/null >"$state/dockerd.log" 2>&1 9>&- &
  disown
}

wait_for_it() {
  local deadline=$((SECONDS + 60))
  until answers; do
    ! refused || explain_refused
    [ $SECONDS -lt $deadline ] || explain_failure
    if [ -e "$state/dockerd.log" ] && grep -qE 'failed to start (daemon|containerd)|level=fatal' "$state/dockerd.log"; then explain_failure; fi
    sleep 0.2
  done
}

explain_failure() {
  local log=$state/dockerd.log hint="See: journalctl -u docker"
  if [ -e "$log" ]; then
    tail -n 15 "$log" >&2
    hint="All of it: $log"
    if grep -qi 'iptables' "$log"; then
      hint="It can't set up its network. In a container, run that with --privileged. Else try: update-alternatives --set iptables /usr/sbin/iptables-legacy"
    elif grep -qiE 'cgroup|operation not permitted|permission denied' "$log"; then
      hint="It may not use control groups or mounts. In a container, run that with --privileged, and with /sys/fs/cgroup mounted."
    fi
  fi
  die "the Docker engine does not start." "$hint"
}

mkdir -p "$state"
exec 9>"$state/lock"
flock 9
if command -v docker >/dev/null && answers; then exit 0; fi
[ -z "${DOCKER_HOST:-}" ] || die "the engine at DOCKER_HOST=$DOCKER_HOST does not answer: $(tail -n 1 "$state/error")" "Start it, or unset DOCKER_HOST."
install
if answers; then exit 0; fi
! refused || explain_refused
rm -f "$state/dockerd.log"
start
wait_for_it
