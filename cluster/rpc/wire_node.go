package rpc

import "maelstrom/cluster"

// DrainRequest has a node emptied: what runs there moves to others, and nothing
// new is placed there.
type DrainRequest struct {
	Node string `json:"node"` // id, or a name that one node has

	// Force stops what has no place on another node.
	Force bool `json:"force,omitempty"`
}

// UndrainRequest lets a node run instances again.
type UndrainRequest struct {
	Node string `json:"node"` // id, or a name that one node has
}

// NodeAnswer is a node as it is after a change, and what runs there still.
type NodeAnswer struct {
	Node      Node       `json:"node"`
	Instances []Instance `json:"instances"`
}

// RemoveNodeRequest has the cluster forget a node that is down.
type RemoveNodeRequest struct {
	Node string `json:"node"` // id, or a name that one node has
}

// RemoveNodeAnswer tells what went with a node.
type RemoveNodeAnswer struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Placements int    `json:"placements"` // that are free to be made elsewhere
}

// RemovableRequest asks which nodes could be removed.
type RemovableRequest struct{}

// RemovableAnswer is the answer to a RemovableRequest.
type RemovableAnswer struct {
	Nodes []cluster.Removal `json:"nodes"`

	// Note says why this is not the word of who decides; empty: it is.
	Note string `json:"note,omitempty"`
}

// ExplainRequest asks where a component runs and can run, and why.
type ExplainRequest struct {
	Name string `json:"name"` // full name
}

// ExplainAnswer is the answer to an ExplainRequest.
type ExplainAnswer struct {
	cluster.Explanation

	// Changes are what would let one more instance fit somewhere, each with the
	// nodes that it would help; empty if one fits.
	Changes []PlacementChange `json:"changes"`

	// Note says why this is not the word of who decides; empty: it is.
	Note string `json:"note,omitempty"`
}

// PlacementChange is one thing to change, and the names of the nodes in whose
// way it is.
type PlacementChange struct {
	Change string   `json:"change"`
	Nodes  []string `json:"nodes"`
}
