package daemon

import (
	"golang.org/x/sys/unix"

	"maelstrom/cluster/rpc"
)

// States of the kernel's clock, as adjtimex(2) returns them.
const (
	clockInsert   = 1 // a second is added at the end of the day
	clockDelete   = 2
	clockInserted = 3 // it is being added
	clockError    = 5 // nothing keeps the clock right
)

// kernelClock tells whether a time service keeps this machine's clock, and
// whether a leap second is near: cron's wall clock repeats or skips it.
func kernelClock() rpc.Check {
	state, err := unix.Adjtimex(new(unix.Timex))
	if err != nil {
		return skipped("clock.kernel", "the kernel does not tell: %v", err)
	}
	return judgeClock(state)
}

func judgeClock(state int) rpc.Check {
	const name = "clock.kernel"
	switch state {
	case clockError:
		return warning(name, "nothing keeps this machine's clock right", "run a time service (chrony, systemd-timesyncd); a container's host does it for all")
	case clockInsert, clockDelete, clockInserted:
		return warning(name, "a leap second is due today", "nothing: a schedule of that second may fire a second off")
	}
	return passed(name, "kept right by a time service")
}
