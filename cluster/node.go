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

	// Peers says that Address is where other nodes reach it, over TLS.
	Peers bool `json:"peers"`

	// Lost is set by the holder of the role placement, with the state down, on
	// a node that is heard no more: what was placed there is placed again. The
	// node itself takes it back.
	Lost bool `json:"lost"`

	// Engine is empty while the container engine answers, else why not.
	Engine string `json:"engine"`

	// Left is set with Lost on a node that had stopped in order before.
	Left bool `json:"left,omitempty"`

	// Disks are the file systems that the node needs room on, each once.
	Disks []Disk `json:"disks,omitempty"`

	// Drain is what an operator asked for. It outlives the daemon.
	Drain Drain `json:"drain,omitempty"`

	Labels map[string]string `json:"labels,omitempty"` // that components can ask for

	// CronZone is the time zone in which the node reads schedules that name none;
	// empty: its release does not tell.
	CronZone string `json:"cron_zone,omitempty"`

	// Images are those of declared components that are here, sorted, at most
	// MaxNodeImages of them.
	Images []string `json:"images,omitempty"`

	// Mounts tells of what declared components mount, paths of the host and
	// names of volumes, whether it is here; of at most MaxNodeMounts. Nil: it
	// was not looked at.
	Mounts map[string]Presence `json:"mounts"`
}

// Disk is a file system of a node. Others hear of it when Full changes.
type Disk struct {
	Name    string  `json:"name"` // what is there: data or engine
	Path    string  `json:"path"`
	Percent float64 `json:"percent"` // used, when the node's status was written
	Full    bool    `json:"full"`    // from DiskFull percent on, until it is below DiskRoom
}

// From when to when a Disk is full, in percent.
const (
	DiskFull = 85
	DiskRoom = 80
)

// Used returns the disk at another percentage.
func (d Disk) Used(percent float64) Disk {
	d.Percent = percent
	d.Full = percent >= DiskFull || d.Full && percent >= DiskRoom
	return d
}

// The bounds of what a node tells of itself.
const (
	MaxNodeImages = 500
	MaxNodeMounts = 500
)

// Drain is how a node is emptied.
type Drain string

// The ways to drain.
const (
	DrainNone  Drain = ""
	DrainMove  Drain = "move"  // what has no place elsewhere stays
	DrainForce Drain = "force" // what has no place elsewhere is stopped
)

// Presence tells whether something is on a node.
type Presence string

// The presences.
const (
	Present Presence = "present"
	Absent  Presence = "absent"
	Unsure  Presence = "unsure" // its daemon can't look
)

// Labelled tells whether n has all of these labels.
func (n *Node) Labelled(labels map[string]string) bool {
	for name, value := range labels {
		if have, ok := n.Labels[name]; !ok || have != value {
			return false
		}
	}
	return true
}

// DisplayName is what people call n.
func (n *Node) DisplayName() string {
	if n.Name == "" {
		return n.ID
	}
	return n.Name
}
