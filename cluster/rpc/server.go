package rpc

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"maelstrom/cluster"
)

const (
	maxBody      = 1 << 20
	maxLargeBody = 80 << 20 // files, in base64
	maxBatch     = 100
	largeAtOnce  = 2 // bodies above maxBody that are held in memory at a time
)

// Server answers JSON-RPC 2.0 at PathAPI: our services and the original's.
type Server struct {
	deps    Deps
	methods methods
	large   chan struct{}

	forNodes methods         // that other nodes call
	toNodes  *http.Transport // nil: there are none
	toNodes1 *http.Transport // by HTTP/1.1, which knows upgrades
	told     heldRefusals
}

// NewServer returns the server of a daemon.
func NewServer(deps Deps) *Server {
	s := &Server{deps: deps, large: make(chan struct{}, largeAtOnce), told: heldRefusals{turn: make(chan struct{}, 1)}}
	s.methods = newMethods(
		s.projectService(), s.historyService(), s.componentService(), s.eventSourceService(), s.clusterService(),
		s.routeService(), s.adminService(), s.operateService(), s.systemService(),
		s.sourceService(), s.syncService(), s.eventService(), s.notifierService(), s.alertService(),
		s.maelstromService(), s.nodeService(),
	)
	s.forNodes = newMethods(s.nodesService())
	if deps.Peers != nil {
		s.toNodes, s.toNodes1 = nodeTransport(deps.Peers, "h2"), nodeTransport(deps.Peers, "http/1.1")
	}
	return s
}

// ServeHTTP answers one HTTP request with one JSON-RPC answer or a batch. It
// needs a token in any case.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if crossOrigin(r) {
		plain(w, http.StatusForbidden, "Requests from other sites are refused")
		return
	}
	token, ok := s.deps.Keys.Authenticate(r.Context(), presented(r))
	if !ok {
		unauthorized(w)
		return
	}
	s.serveCalls(w, r, caller{token: token})
}

// serveCalls answers a caller that is known.
func (s *Server) serveCalls(w http.ResponseWriter, r *http.Request, who caller) {
	if !acceptable(w, r) {
		return
	}
	id := cluster.NewID()
	w.Header().Set("Maelstrom-Request-Id", id)
	body, release, err := s.readBody(w, r)
	defer release()
	if err != nil {
		s.refuseBody(w, id, err)
		return
	}
	who.requestID, who.recalled = id, &recalled{}
	ctx := withCaller(r.Context(), who)
	answer := s.serve(ctx, body)
	s.tellAway(w.Header(), who.recalled)
	s.answer(w, answer)
}

// acceptable refuses what is no JSON-RPC request by its HTTP alone.
func acceptable(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		plain(w, http.StatusMethodNotAllowed, "This takes POST with a JSON-RPC 2.0 body")
		return false
	}
	if header := r.Header.Get("Content-Type"); header != "" {
		kind, _, err := mime.ParseMediaType(header)
		if err != nil || kind != "application/json" && kind != "application/json-rpc" {
			plain(w, http.StatusUnsupportedMediaType, "This takes Content-Type: application/json")
			return false
		}
	}
	return true
}

// readBody reads a body. Only a few large ones are in memory at a time, each
// until it is released.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	release = func() {}
	limited := http.MaxBytesReader(w, r.Body, maxLargeBody)
	body, err = io.ReadAll(io.LimitReader(limited, maxBody+1))
	if err != nil || len(body) <= maxBody {
		return body, release, err
	}
	select {
	case s.large <- struct{}{}:
		release = func() { <-s.large }
	case <-r.Context().Done():
		return nil, release, r.Context().Err()
	}
	rest, err := io.ReadAll(limited)
	return append(body, rest...), release, err
}

func (s *Server) refuseBody(w http.ResponseWriter, id string, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		bad := protocolError(codeInvalidRequest, "the request is larger than %d MiB", maxLargeBody>>20)
		_ = encodeTo(w, errorReply(nullID, bad, id)) // the client may be gone
		return
	}
	s.deps.Logger.Debug("api request not read", "request_id", id, "error", err)
	plain(w, http.StatusBadRequest, "The request could not be read")
}

// serve answers a body: a reply, a list of them, or nil for notifications.
func (s *Server) serve(ctx context.Context, body []byte) any {
	calls, batch, bad := parseCalls(body, maxBatch)
	if bad != nil {
		return errorReply(nullID, bad, callerOf(ctx).requestID)
	}
	var replies []reply
	for _, c := range calls {
		answer := s.invoke(ctx, c, len(body))
		if c.ID != nil {
			replies = append(replies, answer)
		}
	}
	switch {
	case len(replies) == 0:
		return nil
	case batch:
		return replies
	}
	return replies[0]
}

func (s *Server) answer(w http.ResponseWriter, answer any) {
	w.Header().Set("Cache-Control", "no-store")
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = encodeTo(w, answer) // the client may be gone
}

// invoke runs one call; a failure, a panic too, becomes its reply.
func (s *Server) invoke(ctx context.Context, c call, size int) (answer reply) {
	id := callerOf(ctx).requestID
	defer func() {
		if p := recover(); p != nil {
			s.deps.Logger.Error("api call panicked", "method", c.Method, "request_id", id, "panic", p, "stack", string(debug.Stack()))
			answer = errorReply(c.ID, &Error{Kind: KindInternal, Code: codeInternal, Message: "internal error: see the daemon's log for request " + id}, id)
		}
	}()
	if c.Method == "" {
		return errorReply(c.ID, protocolError(codeInvalidRequest, "not a JSON-RPC 2.0 request"), id)
	}
	callable := s.methods
	if callerOf(ctx).node {
		callable = s.forNodes
	}
	m, ok := callable.find(c.Method)
	if !ok {
		if c.Method == methodIDL {
			return resultReply(c.ID, idl(s.methods), id)
		}
		return errorReply(c.ID, protocolError(codeMethodNotFound, "there is no method %s in version %s", c.Method, s.deps.Version), id)
	}
	if size > maxBody && !m.large {
		return errorReply(c.ID, protocolError(codeInvalidRequest, "a request to %s is at most %d MiB", m.name, maxBody>>20), id)
	}
	if err := s.known(ctx, m); err != nil {
		return errorReply(c.ID, classify(err), id)
	}
	start := time.Now()
	result, err := m.call(ctx, c.Params)
	s.logCall(ctx, m, time.Since(start), err)
	if err != nil {
		return errorReply(c.ID, classify(err), id)
	}
	return resultReply(c.ID, result, id)
}

// known waits for the first snapshot: without one, everything would be told not
// to be there. What administers the database needs none.
func (s *Server) known(ctx context.Context, m method) error {
	if strings.HasPrefix(m.name, "AdminService.") {
		return nil
	}
	late := time.NewTimer(seenWait)
	defer late.Stop()
	select {
	case <-s.deps.Feed.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return errorf(KindUnavailable, "maelstromd has not read the database yet: %s tells what is missing", PathReadyz)
	}
}

func (s *Server) logCall(ctx context.Context, m method, took time.Duration, err error) {
	if !m.writes {
		return
	}
	who := callerOf(ctx)
	log := s.deps.Logger.With("method", m.name, "token", who.token, "request_id", who.requestID, "took", took)
	if err != nil {
		log.Warn("api call refused", "error", err)
		return
	}
	log.Info("api call done")
}

func resultReply(id []byte, result any, requestID string) reply {
	data, err := encode(result)
	if err != nil {
		return errorReply(id, classify(err), requestID)
	}
	return reply{JSONRPC: "2.0", ID: id, Result: data}
}

func errorReply(id []byte, err *Error, requestID string) reply {
	return reply{JSONRPC: "2.0", ID: id, Err: err.wire(requestID)}
}
