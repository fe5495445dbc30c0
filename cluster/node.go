package cluster

import "time"

// NodeState is where a node is in its life.
type NodeState string

// The node states.
const (
	NodeUp       NodeState = "up"
	NodeDraining NodeState = "draining" // an operator moves everything away
	NodeLeaving  NodeState = "leaving"  // its daemon is stopping; containers stay
	NodeDown     NodeState = "down"
)

// Node is one maelstromd, as its own row tells.
type Node struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`    // host name, for people
	Address string    `json:"address"` // advertised peer address, else the private one
	State   NodeState `json:"state"`
	Version string    `json:"version"` // of the daemon

	// Epoch grows at each start of the node's daemon. A daemon that reads a
	// higher epoch than its own in its row has been superseded.
	Epoch int64 `json:"epoch"`

	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"` // database time of the last status

	CPUCount       int     `json:"cpu_count"`
	Load1m         float64 `json:"load_1m"`
	Load5m         float64 `json:"load_5m"`
	Load15m        float64 `json:"load_15m"`
	MemoryTotalMiB int64   `json:"memory_total_mib"` // what placement may use; 0: runs nothing

	// Engine is empty while the container engine answers, else why not.
	Engine string `json:"engine"`
}
