package rpc

import "maelstrom/project"

// ResolveRequest describes a request whose way is asked for.
type ResolveRequest struct {
	// Target is an absolute URL, whose authority wins over Host, or a request
	// target as it stands in the request line.
	Target string `json:"target"`

	// Host is the Host header; empty: the request has none.
	Host string `json:"host,omitempty"`

	Headers []project.Header `json:"headers,omitempty"`
	Gateway GatewaySide      `json:"gateway,omitempty"`
}

// GatewaySide names the listener that a request comes in by.
type GatewaySide string

// The gateways. Only the private one honours MAELSTROM-COMPONENT.
const (
	GatewayPublic  GatewaySide = "public" // the default
	GatewayPrivate GatewaySide = "private"
)

// Resolution says where a request goes. Status and Body are what the client
// gets where no component receives the request.
type Resolution struct {
	Matched        bool   `json:"matched"`
	EventSource    string `json:"event_source"`
	Component      string `json:"component"`
	UpstreamTarget string `json:"upstream_target"` // path and query that the container receives
	Status         int    `json:"status"`
	Body           string `json:"body"`
	Reason         string `json:"reason"` // for people: why this one, or why none
}
