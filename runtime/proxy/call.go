package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// errStalled is why an exchange ends in which nothing moved any more.
var errStalled = errors.New("nothing moved for the stall time")

// call is one request under way. It is the context of that request as well,
// so that the hooks of the reverse proxy find it.
type call struct {
	context.Context
	cancel context.CancelCauseFunc

	w     http.ResponseWriter // the client's
	out   answerWriter        // what the reverse proxy writes to
	in    *http.Request
	up    Upstream
	peer  *peer // nil: the upstream is here
	opt   *Options
	begun time.Time

	body   *requestBody // nil: the request has none
	answer answerBody
	err    error // of the round trip
	timer  *time.Timer
	stream *stream // nil: it ends by itself

	last  atomic.Int64 // when a byte moved, since begun
	stall atomic.Int64 // zero until the answer's header is here
	mu    sync.Mutex   // held while the timer ends the call
	over  bool
}

type callKey struct{}

// anyServer stands in where a request does not come from an http.Server, so
// that the reverse proxy reports a broken answer there too.
var anyServer = new(http.Server)

// Value finds the call itself.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	v := c.Context.Value(key)
	if v == nil && key == http.ServerContextKey {
		return anyServer
	}
	return v
}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

func newCall(w http.ResponseWriter, r *http.Request, up Upstream, opt *Options) *call {
	c := &call{w: w, in: r, up: up, opt: opt, begun: time.Now()}
	c.out.ResponseWriter = w
	c.Context, c.cancel = context.WithCancelCause(r.Context())
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		c.body = &requestBody{ReadCloser: r.Body, call: c}
		// The answer may start before the request has ended.
		if r.ProtoMajor == 1 {
			http.NewResponseController(w).EnableFullDuplex()
		}
	}
	if wait, bound := c.untilNextCheck(); bound {
		c.mu.Lock()
		c.timer = time.AfterFunc(wait, c.check)
		c.mu.Unlock()
	}
	return c
}

// request is the copy of the client's request that is forwarded.
func (c *call) request() *http.Request {
	r := c.in.WithContext(c)
	if c.body != nil {
		r.Body = c.body
	}
	return r
}

// moved notes that a byte went one way or the other.
func (c *call) moved() { c.last.Store(int64(time.Since(c.begun))) }

// answered starts the second half of a call: the deadline is met, from here
// on only a stall ends it.
func (c *call) answered(stall time.Duration) {
	c.moved()
	c.stall.Store(int64(stall))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case c.timer == nil:
		c.timer = time.AfterFunc(stall, c.check)
	default:
		c.timer.Reset(stall)
	}
}

// check runs when the timer fires: the call is over, or it is looked at again
// later.
func (c *call) check() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	wait, bound := c.untilNextCheck()
	switch {
	case !bound:
	case wait > 0:
		c.timer.Reset(wait)
	case c.stall.Load() > 0 && c.stream != nil && c.stream.kind == webSocket:
		c.stream.End(GoingAway)
	case c.stall.Load() > 0:
		c.end(errStalled)
	case !c.up.Deadline.IsZero() && time.Until(c.up.Deadline) <= 0:
		c.end(ErrDeadline)
	default:
		c.end(ErrClientGone)
	}
}

// untilNextCheck is how long the call may stay as it is.
func (c *call) untilNextCheck() (wait time.Duration, bound bool) {
	quiet := time.Since(c.begun) - time.Duration(c.last.Load())
	if stall := time.Duration(c.stall.Load()); stall > 0 {
		return stall - quiet, true
	}
	if !c.up.Deadline.IsZero() {
		wait, bound = time.Until(c.up.Deadline), true
	}
	if c.body != nil && !c.body.finished.Load() {
		// Only a client that is being waited for can stall.
		rest := c.opt.Stall
		if c.body.reading.Load() {
			rest -= quiet
		}
		if !bound || rest < wait {
			wait, bound = rest, true
		}
	}
	return wait, bound
}

// long ago, as a deadline, ends a read or a write that is under way.
var longAgo = time.Unix(1, 0)

// end gives the call up and frees whoever waits for the client.
func (c *call) end(cause error) {
	c.cancel(cause)
	rc := http.NewResponseController(c.w)
	if c.body != nil && !c.body.finished.Load() {
		rc.SetReadDeadline(longAgo)
	}
	if c.stall.Load() > 0 {
		rc.SetWriteDeadline(longAgo)
	}
}

// lingering is how long the rest of a request that nobody wants is waited
// for, so that the client reads the answer before the connection closes.
const lingering = time.Second

// finish ends the call's timer; nothing touches w after it.
func (c *call) finish() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.stream != nil {
		c.stream.over()
	}
	if c.peer != nil {
		c.peer.unwatch(c)
	}
	c.cancel(context.Canceled)
	answered := c.stall.Load() > 0 && !c.out.hijacked
	if answered && c.body != nil && !c.body.finished.Load() && c.in.ProtoMajor == 1 {
		http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(lingering))
	}
}

// outcome turns what went wrong into one of the package's errors.
func (c *call) outcome(err error, begun bool) error {
	kind := ErrBroke
	if begun {
		kind = ErrCut
	}
	var dial *dialError
	if refused, ok := errors.AsType[*Refused](err); ok {
		return c.sentBack(refused)
	}
	switch cause := context.Cause(c.Context); {
	case errors.Is(cause, errStalled), errors.Is(cause, errEnded):
		err = cause
	case errors.Is(cause, errAbandoned):
		kind, err = ErrLink, cause
	case errors.Is(cause, ErrDeadline):
		if !begun {
			kind = ErrDeadline
		}
	case cause != nil, c.body != nil && c.body.failed.Load():
		kind = ErrClientGone
	case begun && (c.answer.err == nil || c.answer.err == io.EOF):
		kind = ErrClientGone // it was not the reading side that failed
	case begun:
		err = c.answer.err
	case errors.As(err, &dial):
		kind = ErrDial
	case c.peer != nil && !errors.As(err, new(streamError)):
		kind = ErrLink
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// requestBody is the client's body as the transport reads it.
type requestBody struct {
	io.ReadCloser
	call *call

	begun    atomic.Bool // to be read
	came     atomic.Bool // some of it, or its end
	reading  atomic.Bool // someone waits for the client
	finished atomic.Bool // nothing is left to read
	failed   atomic.Bool
}

// Read reads from the client.
func (b *requestBody) Read(p []byte) (int, error) {
	b.call.moved()
	b.begun.Store(true)
	b.reading.Store(true)
	n, err := b.ReadCloser.Read(p)
	b.reading.Store(false)
	b.came.Store(true)
	b.call.moved()
	switch {
	case err == io.EOF:
		b.finished.Store(true)
	case err != nil:
		b.failed.Store(true)
	}
	return n, err
}

// answerBody is the upstream's body as it is read for the client.
type answerBody struct {
	io.ReadCloser
	call *call
	err  error
}

// Read reads from the upstream.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.call.moved()
	if err != nil && err != io.EOF && b.call.stream.cutShort() {
		err = io.EOF // which is what the client shall see
	}
	if err != nil {
		b.err = err
	}
	return n, err
}
