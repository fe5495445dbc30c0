package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"maelstrom/cluster"
)

// NodePrefix begins the paths at which nodes answer each other, at their peer
// ports and by their certificates: what they say there is of themselves alone.
const NodePrefix = "/_mael/node"

// nodeWait bounds a short question to another node.
const nodeWait = time.Second

// Peers are the other nodes of the cluster, as far as they can be asked.
type Peers interface {
	// Live tells whether a node is heard.
	Live(node string) bool

	// Dial connects to the peer port of a node by a protocol of HTTP, as this
	// node, and fails where anybody else answers.
	Dial(ctx context.Context, node, protocol string) (net.Conn, error)

	// Holder returns who holds the role placement, as last seen; empty: nobody.
	Holder() string
}

// nodeTransport keeps connections to other nodes by HTTP/2; a command has one
// of its own.
func nodeTransport(peers Peers, protocol string) *http.Transport {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			node, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return peers.Dial(ctx, node, protocol)
		},
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   30 * time.Second,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 3 * time.Second},
	}
}

// node returns a client of another node.
func (s *Server) node(id string) *Client {
	return &Client{
		upgrades: s.toNodes1,
		base:     &url.URL{Scheme: "https", Host: id, Path: NodePrefix},
		http:     &http.Client{Transport: s.toNodes, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// nodeName is what people call a node.
func (s *Server) nodeName(id string) string {
	if n, ok := s.deps.Feed.Snapshot().Nodes.Get(id); ok {
		return n.DisplayName()
	}
	return id
}

// others are the other nodes that have a port for this one, by their ids.
func (s *Server) others() []*cluster.Node {
	var list []*cluster.Node
	if s.deps.Peers == nil {
		return nil
	}
	for id, n := range s.deps.Feed.Snapshot().Nodes.Sorted() {
		if id != s.deps.Node && n.Peers {
			list = append(list, n)
		}
	}
	return list
}

// live are the others that are heard.
func (s *Server) live() []*cluster.Node {
	var list []*cluster.Node
	for _, n := range s.others() {
		if s.deps.Peers.Live(n.ID) {
			list = append(list, n)
		}
	}
	return list
}

// whyUnreachable says why a node does not answer, without an advice for users
// of a daemon.
func whyUnreachable(err error) string {
	var told *Error
	if errors.As(err, &told) && told.cause != nil {
		err = told.cause
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return strings.TrimSpace(err.Error())
}

// nodesService answers other nodes, also those of the next release, which may ask
// for more.
func (s *Server) nodesService() []method {
	return []method{
		newMethod("PeerService.Explain", "Explains a component as the holder of the role placement.", s.explainHere, lenient),
		newMethod("PeerService.Removable", "Tells which nodes could be removed, as the holder of the role placement.", s.removableHere, lenient),
		newMethod("PeerService.Refusals", "Tells why components lack an instance, as the holder of the role placement.", s.refusalsHere, lenient),
		newMethod("PeerService.Loads", "Tells what the node's gateway sees of each instance.", s.loadsHere, lenient),
	}
}

type peerRequest struct{}

type peerRefusals struct {
	Refusals map[string]*cluster.Failure `json:"refusals"`
}

type peerLoads struct {
	Loads map[string]cluster.InstanceLoad `json:"loads"`
}

func (s *Server) refusalsHere(context.Context, peerRequest) (peerRefusals, error) {
	return peerRefusals{s.deps.Placer.Refusals()}, nil
}

func (s *Server) loadsHere(context.Context, peerRequest) (peerLoads, error) {
	return peerLoads{s.deps.Loads.InstanceLoads()}, nil
}

func (s *Server) explainHere(_ context.Context, req ExplainRequest) (ExplainAnswer, error) {
	row, err := s.knownComponent(strings.ToLower(req.Name))
	if err != nil {
		return ExplainAnswer{}, err
	}
	explanation, ok := s.deps.Explain(row.Effective.Name)
	if !ok {
		return ExplainAnswer{}, errorf(KindNotFound, "%s is gone", row.Effective.Name)
	}
	return ExplainAnswer{Explanation: explanation, Changes: changesFor(explanation)}, nil
}

// holder is who else decides where instances run; empty: this node, or nobody.
func (s *Server) holder() (node string, known bool) {
	if s.deps.Peers == nil {
		return "", true
	}
	node = s.deps.Peers.Holder()
	if node == s.deps.Node {
		return "", true
	}
	return node, node != ""
}

// explain asks the holder of the role placement, who alone knows all of it.
func (s *Server) explain(ctx context.Context, req ExplainRequest) (ExplainAnswer, error) {
	if _, err := s.knownComponent(strings.ToLower(req.Name)); err != nil {
		return ExplainAnswer{}, err
	}
	var answer ExplainAnswer
	asked, note := s.askHolder(ctx, "PeerService.Explain", req, &answer)
	if asked {
		return answer, nil
	}
	if note != "" {
		note += ", without recent failures and the load of other nodes"
	}
	answer, err := s.explainHere(ctx, req)
	answer.Note = note
	return answer, err
}

// removable asks the holder of the role placement, who alone knows all load.
func (s *Server) removable(ctx context.Context, req RemovableRequest) (RemovableAnswer, error) {
	var answer RemovableAnswer
	asked, note := s.askHolder(ctx, "PeerService.Removable", req, &answer)
	if asked {
		return answer, nil
	}
	return RemovableAnswer{Nodes: s.deps.Removable(), Note: note}, nil
}

func (s *Server) removableHere(context.Context, RemovableRequest) (RemovableAnswer, error) {
	return RemovableAnswer{Nodes: s.deps.Removable()}, nil
}

// askHolder asks the holder of the role placement, if that is another node. The
// note says why it can't be asked; empty: this node is the holder, or it has
// answered.
func (s *Server) askHolder(ctx context.Context, method string, req, answer any) (asked bool, note string) {
	holder, known := s.holder()
	if holder == "" && known {
		return false, ""
	}
	why := "nobody holds the role placement at present"
	if known {
		limited, cancel := context.WithTimeout(ctx, storeWait)
		defer cancel()
		err := s.node(holder).call(limited, method, req, answer)
		if err == nil {
			return true, ""
		}
		why = fmt.Sprintf("%s, which holds the role placement, can't be asked: %s", s.nodeName(holder), whyUnreachable(err))
	}
	return false, why + "; this is what " + cmp.Or(s.nodeName(s.deps.Node), "this node") + " knows"
}
