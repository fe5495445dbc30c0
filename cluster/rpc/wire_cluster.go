package rpc

import (
	"time"

	"maelstrom/cluster"
)

// Node is one node of the cluster.
type Node struct {
	ID                string            `json:"id"`
	Name              string            `json:"name"`
	Address           string            `json:"address"`
	State             cluster.NodeState `json:"state"`
	Version           string            `json:"version"`
	StartedAt         time.Time         `json:"started_at"`
	SeenAt            time.Time         `json:"seen_at"`
	CPUCount          int               `json:"cpu_count"`
	Load1m            float64           `json:"load_1m"`
	MemoryTotalMiB    int64             `json:"memory_total_mib"`
	MemoryReservedMiB int64             `json:"memory_reserved_mib"`
	Roles             []string          `json:"roles"`
	Engine            string            `json:"engine"` // empty while it answers, else why not
	Labels            map[string]string `json:"labels"`
	Drain             cluster.Drain     `json:"drain"`     // move or force while it is drained
	Lost              bool              `json:"lost"`      // it is not heard any more, and what it ran is placed again
	Silent            bool              `json:"silent"`    // the node that answers does not hear it: nothing is sent there
	Instances         int               `json:"instances"` // that are placed there
}

// NodesRequest asks for every node.
type NodesRequest struct{}

// NodeList is the answer to a NodesRequest, sorted by name and id.
type NodeList struct {
	Nodes []Node `json:"nodes"`
}

// Instance is one placement and what its node reports of it.
type Instance struct {
	Placement         string         `json:"placement"`
	Component         string         `json:"component"`
	Project           string         `json:"project"`
	Version           int64          `json:"version"` // of the component that it runs
	Slot              int            `json:"slot"`
	Node              string         `json:"node"`
	NodeName          string         `json:"node_name"`
	State             string         `json:"state"` // placed until its node reports it
	Reason            cluster.Reason `json:"reason"`
	Message           string         `json:"message"` // names the fix where there is a reason
	Want              cluster.Want   `json:"want"`
	ContainerID       string         `json:"container_id"`
	Image             string         `json:"image"`
	ImageID           string         `json:"image_id"`     // that the container runs
	ImageDigest       string         `json:"image_digest"` // of it at its registry; empty: it is of none
	ImageNow          string         `json:"image_now"`    // id of what image stands for on the node by now, if that is another one
	PullPercent       int            `json:"pull_percent"` // while pulling
	Address           string         `json:"address"`
	StartedAt         *time.Time     `json:"started_at"`
	LastRequestAt     *time.Time     `json:"last_request_at"`
	InFlight          int            `json:"in_flight"`
	Queued            int            `json:"queued"`
	RequestsTotal     int64          `json:"requests_total"`
	MemoryReservedMiB int64          `json:"memory_reserved_mib"`
	MemoryUsedMiB     int64          `json:"memory_used_mib"` // as its node last saw; 0: not known
	Restarts          int            `json:"restarts"`
	BackoffUntil      *time.Time     `json:"backoff_until"`
	Provisional       bool           `json:"provisional"`   // started without the database: it has no row yet
	Holds             bool           `json:"holds"`         // serves on until the image of what replaces it is on the node
	Since             *time.Time     `json:"since"`         // in its state; null: not known
	Suspect           bool           `json:"suspect"`       // ready, and fails its health checks
	FailedChecks      int            `json:"failed_checks"` // in a row
	LastFailure       cluster.Reason `json:"last_failure"`  // kept when it is ready again
	LastFailureAt     *time.Time     `json:"last_failure_at"`
	LastFailureDetail string         `json:"last_failure_detail"`
}

// InstancePlaced is the state of a placement that its node has not reported.
const InstancePlaced = "placed"

// InstancesRequest selects instances; what is empty selects all.
type InstancesRequest struct {
	Component string `json:"component,omitempty"`
	Project   string `json:"project,omitempty"`
	Node      string `json:"node,omitempty"` // id
}

// InstanceList is the answer to an InstancesRequest, sorted by component and slot.
type InstanceList struct {
	Instances []Instance `json:"instances"`
	Nodes     []Node     `json:"nodes"` // all of the cluster's
}

// Role is a job that one node does at a time.
type Role struct {
	Role       string  `json:"role"`
	Holder     string  `json:"holder"` // node id; empty: nobody at the moment
	HolderName string  `json:"holder_name"`
	Fence      int64   `json:"fence"`
	AgeSeconds float64 `json:"age_seconds"` // since this node has seen this holder
}

// RolesRequest asks for every role.
type RolesRequest struct{}

// RoleList is the answer to a RolesRequest, sorted by name.
type RoleList struct {
	Roles []Role `json:"roles"`

	// Note says why holders may be others by now; empty: they are not.
	Note string `json:"note,omitempty"`
}

// CARequest asks for the authority of the cluster.
type CARequest struct{}

// CAAnswer is the certificate by which every node of the cluster is known.
type CAAnswer struct {
	Certificate string `json:"certificate"` // PEM
	Fingerprint string `json:"fingerprint"` // its SHA-256, in hex
}
