package gateway

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// exchange is one request on its way through the gateway, and the writer of
// its answer, which notes what the answer is.
type exchange struct {
	http.ResponseWriter
	r      *http.Request
	client netip.Addr

	public    bool
	internal  bool // made by ourselves: wake rules don't hold
	malformed bool // host or target are nothing that a component could be sent
	disabled  bool // nothing matches but an event source that is disabled
	cold      bool
	passive   int16 // the status to answer while the component sleeps, if it may not be woken; else 0

	component, eventSource string
	target                 string // what the container receives
	requestID              string

	start    time.Time
	deadline time.Time
	granted  time.Time // when the last slot was got
	waited   time.Duration
	tries    int
	place    uint64      // in the line, from 1; zero: it has none yet
	again    bool        // the last try is followed by another
	waiter   *waiter     // in the queue again, since the last try
	asker    string      // the node that sends it here; empty: a client does
	instance string      // the placement it was sent to last
	node     string      // of it; empty: this one
	at       *dispatcher // while it is in flight
	stream   bool        // it counts as one
	streamed bool        // it was one

	undelivered int       // tries whose instance could not be dialled
	returned    int       // tries that another node has answered by itself
	repeats     int       // tries after it may have been served
	due         bool      // is to be tried again when the budget of repeats allows it
	answered    time.Time // when its answer's header was written

	leftOut time.Duration // its failure, after others, has its instance left out for so long

	stall  time.Duration
	status int // zero until the answer's header was written
	bytes  int64
	reason cluster.Reason
	own    bool // the answer is ours, to another node
}

func (g *Gateway) newExchange(w http.ResponseWriter, r *http.Request, public bool) *exchange {
	return &exchange{
		ResponseWriter: w, r: r, public: public,
		client:    g.opt.TrustedProxies.Client(r),
		requestID: proxy.RequestID(r.Header),
		start:     time.Now(),
		stall:     g.opt.Stall,
	}
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader notes the status of the answer; those below 200 announce one.
func (x *exchange) WriteHeader(status int) {
	if status >= 200 && x.status == 0 {
		x.status, x.answered = status, time.Now()
		x.noteStream()
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes of the answer.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Hijack hands the connection over for an upgraded exchange.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err == nil {
		x.status = http.StatusSwitchingProtocols
		x.noteStream()
	}
	return conn, rw, err
}

// noteStream finds out whether x lasts as long as it pleases. A call of gRPC is
// work like any other.
func (x *exchange) noteStream() {
	events := strings.HasPrefix(x.Header().Get("Content-Type"), "text/event-stream")
	if d := x.at; d != nil && x.passive == 0 && !x.stream && (events || x.status == http.StatusSwitchingProtocols) {
		d.streamBegins(x)
	}
}

// endless tells whether the time the answer took says nothing of the time
// that the component needs.
func (x *exchange) endless() bool {
	if x.status == http.StatusSwitchingProtocols {
		return true
	}
	contentType := x.Header().Get("Content-Type")
	return strings.HasPrefix(contentType, "text/event-stream") ||
		strings.HasPrefix(contentType, "application/grpc")
}

// lingering is how long a client may go on sending a request that was refused.
const lingering = time.Second

// refuse writes an answer of our own.
func (x *exchange) refuse(r *refusal) {
	x.reason = r.reason
	h := x.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(r.text)))
	h.Set("X-Request-Id", x.requestID)
	if r.reason != cluster.ReasonNone {
		h.Set("Maelstrom-Reason", string(r.reason))
	}
	if r.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(r.retrySeconds()))
	}
	rc := http.NewResponseController(x.ResponseWriter)
	if x.r.ProtoMajor == 1 && x.r.ContentLength != 0 {
		// Answer now, not when the body has come, and take no body that
		// nobody wants for the next request.
		h.Set("Connection", "close")
		rc.EnableFullDuplex()
		rc.SetReadDeadline(time.Now().Add(lingering))
	}
	rc.SetWriteDeadline(time.Now().Add(x.stall))
	x.WriteHeader(r.status)
	x.Write([]byte(r.text))
	rc.Flush()
	rc.SetWriteDeadline(time.Time{})
}
