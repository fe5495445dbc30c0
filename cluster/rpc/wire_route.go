package rpc

import (
	"maelstrom/project"
	"maelstrom/project/route"
)

// ResolveRequest describes a request whose way is asked for. The answer is a
// route.Resolution.
type ResolveRequest struct {
	// Target is an absolute URL, whose authority wins over Host, or a request
	// target as it stands in the request line.
	Target string `json:"target"`

	// Host is the Host header; empty: the request has none.
	Host string `json:"host,omitempty"`

	Headers []project.Header `json:"headers,omitempty"`
	Gateway route.Gateway    `json:"gateway,omitempty"` // public, the default, or private
}
