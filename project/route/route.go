// Package route is the pure route table: host and path to event source. The
// gateway and `maelctl route` share it.
package route

// Rule is one http event source as the table needs it.
type Rule struct {
	EventSource string
	Component   string
	Hostname    string // lower case, no trailing dot, no port; "*.example.com" allowed; empty: any host
	PathPrefix  string // empty: any path
	StripPrefix bool
}

// Table is an immutable route table. A nil *Table matches nothing.
type Table struct{}
