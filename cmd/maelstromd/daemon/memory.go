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

// Load tells the load, with the memory in use.
func (s sights) Load() cluster.Load {
	load := s.Gateway.Load()
	if use := s.memory(); len(use) > 0 {
		load.Memory = []map[string]int64{use}
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
