// Package route is the pure route table: host and path to event source. The
// gateway and `maelctl route` share it.
package route

// Rule is one http event source as the table needs it.
type Rule struct {
	EventSource string
	Component   string
	Hostname    string // "*.example.com" allowed; empty: any host; compared without letter case and trailing dot
	PathPrefix  string // empty: any path
	StripPrefix bool
}

// Table is an immutable route table. A nil *Table matches nothing.
type Table struct{}

// New returns the table of rules.
func New(rules []Rule) *Table { return (*Table)(nil).With(rules, nil) }

// With returns a table in which put are added, in place of rules of the same
// event source, and the rules of the event sources named in remove are gone.
// Its cost is proportional to the change; t stays as it is.
func (t *Table) With(put []Rule, remove []string) *Table { return t }

// Match is a rule that a request met.
type Match struct {
	Rule *Rule // shared: not to be changed
}

// Match finds the rule for a request. Host is the raw Host header, escapedPath
// the path as it stands in the request line.
func (t *Table) Match(host, escapedPath string) (Match, bool) { return Match{}, false }

// Target is the request target that the container receives, for a request
// with the given request URI.
func (m Match) Target(requestURI string) string { return requestURI }
