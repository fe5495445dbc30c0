package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

const (
	fieldExpect     = "Expect"
	fieldReason     = "Maelstrom-Reason"
	expectsContinue = "100-continue"
)

// Refused is the error for a request that another node answered by itself.
type Refused struct {
	Status     int
	Reason     string
	Text       string        // of the answer
	RetryAfter time.Duration // zero: not said
}

// Error implements error.
func (r *Refused) Error() string {
	return "refused by the other node: " + strconv.Itoa(r.Status) + " " + r.Reason
}

// Misdirected tells whether the request reached no container, with its body
// unread: it may be sent again, to anybody.
func (r *Refused) Misdirected() bool { return r.Status == http.StatusMisdirectedRequest }

// errBodyLost ends a request that was sent back after its body had begun.
var errBodyLost = errors.New("the request's body was read")

// heardFrom takes in the header of another node's answer: an error if it comes
// from no container.
func (c *call) heardFrom(res *http.Response) error {
	c.peer.unwatch(c)
	if refused := refusedBy(res); refused != nil {
		return refused
	}
	if cause := context.Cause(c.Context); errors.Is(cause, errAbandoned) {
		return cause // a moment too late
	}
	return nil
}

// sentBack is the error for what another node answered by itself.
func (c *call) sentBack(refused *Refused) error {
	if refused.Misdirected() && c.body != nil && c.body.begun.Load() {
		return fmt.Errorf("%w: %w: %w", ErrBroke, errBodyLost, refused)
	}
	return refused
}

// maxRefusal bounds the text that is relayed of another node's own answer.
const maxRefusal = 1 << 10

// refusedBy reads another node's own answer; nil if it is a container's.
func refusedBy(res *http.Response) *Refused {
	if res.Header.Get(FieldForward) != ForwardRefused {
		return nil
	}
	refused := &Refused{Status: res.StatusCode, Reason: res.Header.Get(fieldReason)}
	if seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 31); err == nil {
		refused.RetryAfter = time.Duration(seconds) * time.Second
	}
	if !refused.Misdirected() {
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // what has come of it
		refused.Text = strings.TrimSpace(string(text))
	}
	return refused
}

// forwardTo makes out a request of this node to another: to names component
// and placement.
func (c *call) forwardTo(to string, out http.Header) {
	out[FieldForward] = []string{to}
	if !c.up.Deadline.IsZero() {
		left := max(1, time.Until(c.up.Deadline).Milliseconds())
		out[FieldDeadlineMs] = []string{strconv.FormatInt(left, 10)}
	}
	delete(out, fieldExpect)
	if c.expects() {
		out[FieldExpect] = []string{expectsContinue}
	}
	if c.body != nil {
		out[fieldExpect] = []string{expectsContinue}
	}
}

// expects tells whether the client waits for a word before it sends its body.
func (c *call) expects() bool {
	for _, value := range c.in.Header[fieldExpect] {
		if strings.EqualFold(textproto.TrimString(value), expectsContinue) {
			return true
		}
	}
	return false
}

// Repeatable tells whether r may be sent again although it may have been
// served: it has no body, and by RFC 9110 twice is as good as once.
func Repeatable(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}
