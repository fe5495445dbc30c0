package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster/rpc"
)

// doctorPatience bounds a check that waits for what may not answer.
const doctorPatience = 5 * time.Second

// doctor looks at this daemon and its surroundings. One look goes on at a
// time: those that ask meanwhile wait for theirs.
type doctor struct {
	*Daemon
	mu sync.Mutex
}

// examination is one thing to look at; its checks come in a fixed order.
type examination func(ctx context.Context) []rpc.Check

// Examine implements rpc.Doctor.
func (d *doctor) Examine(ctx context.Context) []rpc.Check {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []examination{d.database, d.disk, d.clock, d.zones, d.engineChecks, d.ports, d.peerChecks, d.firewall}
	found := make([][]rpc.Check, len(list))
	var all sync.WaitGroup
	for i, examine := range list {
		all.Go(func() { found[i] = examine(ctx) })
	}
	all.Wait()
	return slices.Concat(found...)
}

func passed(name, format string, args ...any) rpc.Check {
	return rpc.Check{Name: name, Status: rpc.CheckOK, Found: fmt.Sprintf(format, args...)}
}

func skipped(name, format string, args ...any) rpc.Check {
	return rpc.Check{Name: name, Status: rpc.CheckSkipped, Found: fmt.Sprintf(format, args...)}
}

func failed(name, found, advice string) rpc.Check {
	return rpc.Check{Name: name, Status: rpc.CheckFailed, Found: found, Advice: advice}
}

func warning(name, found, advice string) rpc.Check {
	return rpc.Check{Name: name, Status: rpc.CheckWarning, Found: found, Advice: advice}
}

func (d *doctor) zones(context.Context) []rpc.Check { return []rpc.Check{d.cronZone()} }

func (d *doctor) disk(context.Context) []rpc.Check { return []rpc.Check{rpc.CheckDisk(d.dir.path)} }
