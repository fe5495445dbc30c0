package daemon

import (
	"maelstrom/cluster"
	"maelstrom/runtime/gateway"
)

// sights are what this node sees of its instances: their requests, as the
// gateway does, and their memory, as the Agent does.
type sights struct {
	*gateway.Gateway
	daemon *Daemon
}

// Load tells the load, with the memory that components take here.
func (s sights) Load() cluster.Load {
	load := s.Gateway.Load()
	if agent := s.daemon.agent.Load(); agent != nil {
		if uses := agent.MemoryObserved(); len(uses) > 0 {
			load.Memory = []cluster.NodeMemory{{Node: load.Node, Uses: uses}}
		}
	}
	return load
}

// InstanceLoads implements rpc.Loads.
func (s sights) InstanceLoads() map[string]cluster.InstanceLoad {
	loads := s.Gateway.InstanceLoads()
	for placement, mib := range s.memory() {
		l := loads[placement]
		l.MemoryMiB = mib
		loads[placement] = l
	}
	return loads
}

func (s sights) memory() map[string]int64 {
	if agent := s.daemon.agent.Load(); agent != nil {
		return agent.MemoryUse()
	}
	return nil
}
