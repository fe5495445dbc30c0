package runtime

import (
	"context"
	"fmt"
	"slices"
	"time"

	"maelstrom/cluster"
)

const (
	// memoryEvery is how often is looked at what containers have in memory.
	memoryEvery = 15 * time.Second

	// memoryMost bounds how many containers are looked at each time: the engine
	// is asked for one after the other. Where there are more, they take turns.
	memoryMost = 200

	memoryWithin = 2 * time.Second // for one of them
)

// admit sets the memory of an instance aside before it is started. Whoever
// places sees to it that all fits; but a container whose row is gone may still
// be here, or the node may have less memory than it had. Then it is a failure.
func (a *Agent) admit(u *unit, memory int64) *cluster.Failure {
	snap := a.deps.Feed.Snapshot()
	self, ok := snap.Nodes.Get(a.opt.Node)
	a.mu.Lock()
	defer a.mu.Unlock()
	if ok && self.MemoryTotalMiB > 0 {
		taken := a.takenLocked(snap, u)
		if taken+memory > self.MemoryTotalMiB {
			return &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: fmt.Sprintf(
				"reserves %d MiB, and containers that are still on the node have %d of its %d MiB: it is started elsewhere, or here when they are gone. Change reservememory of the component or MAEL_TOTAL_MEMORY of the node",
				memory, taken, self.MemoryTotalMiB)}
		}
	}
	u.memory = memory
	return nil
}

// takenLocked is what has been set aside for all others on this node.
func (a *Agent) takenLocked(snap *cluster.Snapshot, but *unit) int64 {
	var taken int64
	for _, u := range a.units {
		if u != but {
			taken += u.memory
		}
	}
	for _, r := range snap.Runs.All() {
		if r.Node == a.opt.Node && !r.Ended() {
			taken += r.MemoryMiB
		}
	}
	return taken
}

// dismiss gives back what was set aside for a unit that has no container.
func (a *Agent) dismiss(u *unit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u.memory = 0
}

// MemoryUse tells how many MiB the instances of this node have in memory, by
// placement, as far as that was looked at.
func (a *Agent) MemoryUse() map[string]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.memory
}

// followMemory looks at what the instances have in memory, now and then.
func (a *Agent) followMemory(ctx context.Context) error {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	turn := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			turn = a.readMemory(ctx, turn)
		}
	}
}

// readMemory looks at the instances that serve, from that after a placement on,
// and returns where the next turn begins.
func (a *Agent) readMemory(ctx context.Context, after string) (last string) {
	serve := slices.DeleteFunc(a.board.list(), func(i cluster.Instance) bool {
		return i.ContainerID == "" || i.State != cluster.InstanceReady
	})
	before := a.MemoryUse()
	use, read := make(map[string]int64, len(serve)), map[string]int64{}
	for _, i := range serve {
		if mib, ok := before[i.Placement]; ok {
			use[i.Placement] = mib
		}
	}
	from, _ := slices.BinarySearchFunc(serve, after, func(i cluster.Instance, id string) int {
		if i.Placement <= id {
			return -1
		}
		return 1
	})
	if len(serve) <= memoryMost {
		from = 0
	}
	for k := range min(len(serve), memoryMost) {
		i := serve[(from+k)%len(serve)]
		limited, cancel := context.WithTimeout(ctx, memoryWithin)
		bytes, err := a.driver.MemoryUse(limited, i.ContainerID)
		busy := limited.Err() != nil
		cancel()
		if err != nil {
			a.log.Debug("memory of container not read", "container", i.ContainerID, "error", err)
			if busy {
				break // the engine has other things to do
			}
			continue
		}
		mib := (bytes + 1<<20 - 1) >> 20
		use[i.Placement], read[i.Placement], last = mib, mib, i.Placement
	}
	snap := a.deps.Feed.Snapshot()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memory = use
	a.observed.note(snap, read)
	return last
}
