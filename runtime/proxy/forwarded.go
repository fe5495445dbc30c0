package proxy

import (
	"net/http"
	"net/netip"
	"strconv"
)

// The fields that nodes tell each other by, of a request that one of them sends
// to an instance of another. They are in canonical form.
const (
	// FieldForward names component and placement. An answer of the node itself
	// has ForwardRefused there.
	FieldForward   = "Maelstrom-Forward"
	ForwardRefused = "refused"

	// FieldDeadlineMs is the time in which the header of the answer must be
	// there, in milliseconds: clocks of nodes differ.
	FieldDeadlineMs = "Maelstrom-Deadline-Ms"

	// FieldExpect is what the client itself expects. An Expect of its own a node
	// adds to every body.
	FieldExpect = "Maelstrom-Expect"
)

// restore makes out, a copy of the header of a request that was forwarded, what
// the node that forwards it means the upstream to see.
func restore(out http.Header, in *http.Request, up *Upstream) {
	for _, name := range []string{"Forwarded", fieldFor, fieldHost, fieldProto} {
		if values, ok := in.Header[name]; ok {
			out[name] = values // the reverse proxy takes them out
		}
	}
	delete(out, "Expect")
	if expected, ok := in.Header[FieldExpect]; ok {
		out["Expect"] = expected
	}
	for _, name := range []string{FieldForward, FieldDeadlineMs, FieldExpect, fieldDeadline} {
		delete(out, name)
	}
	if !up.Deadline.IsZero() {
		out[fieldDeadline] = []string{strconv.FormatInt(up.Deadline.UnixNano(), 10)} // by the clock of this node
	}
}

// Origin returns the client of a request that a node has forwarded, as Client
// does for one that came from there.
func (t Trust) Origin(r *http.Request) netip.Addr {
	client, _ := t.hops(r.Header[fieldFor], netip.Addr{})
	return client
}
