//go:build !linux

package daemon

import "maelstrom/cluster/rpc"

func kernelClock() rpc.Check { return skipped("clock.kernel", "only Linux tells") }
