package daemon

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/storesim"
	"maelstrom/runtime/fake"
)

// fleet is a cluster in a bubble: daemons that share a simulated database
// server, each with an engine and a client side of its own, and a network
// between them. All that it is made of can fail.
type fleet struct {
	t      testing.TB
	fabric *fabric
	server *storesim.Server
	watch  *store.Store // the database as it is, past all faults
	seen   *cluster.Snapshot
	nodes  []*fleetNode
	diary  *diary
}

// fleetNode is one node of a fleet. Its daemon comes and goes.
type fleetNode struct {
	*member
	fleet  *fleet
	id     string
	host   string // on the fabric
	engine *fake.Engine
	ahead  atomic.Int64 // of its clock, where each node has one of its own

	down   bool // no daemon runs
	frozen bool
	life   atomic.Pointer[Daemon]

	marred  atomic.Int64 // counts what may fail requests that are asked for, or run, here
	touched atomic.Int64 // counts what happens to the ways from and to here

	happened atomic.Int64 // when something last did, in nanoseconds
}

const fleetKey = "the key that all nodes of a fleet have"

// fleetMemory is what each node may place.
const fleetMemory = 1024

func newFleet(t testing.TB, size int, ahead time.Duration, images func(node string) map[string]fake.Image) *fleet {
	path := filepath.Join(t.TempDir(), "server.db")
	if err := os.WriteFile(path, newDatabase(t), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, fabric: newFabric(), server: storesim.New(path, ahead), seen: cluster.NewSnapshot(), diary: new(diary)}
	var err error
	if f.watch, err = f.server.Open("watch", nil); err != nil {
		t.Fatal(err)
	}
	for i := range size {
		f.nodes = append(f.nodes, f.newNode(i, images))
	}
	return f
}

func (f *fleet) newNode(i int, images func(node string) map[string]fake.Image) *fleetNode {
	n := &fleetNode{fleet: f, id: fmt.Sprintf("n%d", i+1), host: fmt.Sprintf("10.0.0.%d", i+1), down: true}
	n.engine = fake.NewEngine(images(n.id))
	w := &world{t: f.t, net: newNetwork(), engine: n.engine, log: slog.New(f.diary.of(n.id)), adapt: n.adapt}
	opt := DefaultOptions()
	opt.DataDir = filepath.Join(f.t.TempDir(), n.id)
	opt.PublicPort, opt.PrivatePort = 8000, 9000
	opt.TotalMemoryMiB = fleetMemory
	opt.SQLDriver, opt.SQLDSN = "postgres", "host="+n.host
	opt.PeerAddr, opt.ClusterKey = n.host+":8376", fleetKey
	opt.NodeLabels = map[string]string{"zone": []string{"east", "west"}[i%2]}
	opt.LogRing.MiB = 0
	n.member = &member{world: w, opt: opt}
	if err := os.MkdirAll(opt.DataDir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(opt.DataDir, "node-id"), []byte(n.id+"\n"), 0o644); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// adapt puts a daemon into the fleet.
func (n *fleetNode) adapt(s *Surroundings) {
	local := s.Listen
	s.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		if address == n.opt.PeerAddr {
			return n.fleet.fabric.listen(address)
		}
		return local(ctx, network, address)
	}
	s.DialPeer = n.fleet.fabric.dialer(n.host)
	s.OpenStore = func(_ context.Context, opt store.Options) (*store.Store, error) {
		return n.fleet.server.Open(n.id, opt.Logger)
	}
}

// close ends all daemons and containers, so that the bubble can end.
func (f *fleet) close() {
	f.fabric.heal()
	var all sync.WaitGroup
	for _, n := range f.nodes {
		f.server.Set(n.id, storesim.Way{})
		all.Go(func() {
			n.leave()
			n.engine.Close()
		})
	}
	all.Wait()
	for range 100 {
		if f.fabric.directions() > 0 {
			wait(100 * time.Millisecond)
		}
	}
	if n := f.fabric.directions(); n > 0 {
		f.t.Errorf("%d directions of connections between nodes are left", n)
	}
	if err := f.watch.Close(); err != nil {
		f.t.Error(err)
	}
}

// look reads the database as it is.
func (f *fleet) look() *cluster.Snapshot {
	changes, err := f.watch.Changes(context.Background(), f.seen.Number)
	if err != nil {
		f.t.Fatal(err)
	}
	f.seen = f.seen.With(changes)
	return f.seen
}

// up are the nodes whose daemon runs.
func (f *fleet) up() (nodes []*fleetNode) {
	for _, n := range f.nodes {
		if !n.down {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// begin starts the node's daemon and does not wait for it.
func (n *fleetNode) begin() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop, n.done, n.down = stop, make(chan error, 1), false
	n.byItsClock(func() {
		d := newDaemon(n.opt, n.world.surroundings().withDefaults(n.opt))
		n.daemon = d
		n.life.Store(d)
		done := n.done
		go func() { done <- d.run(ctx) }()
	})
}

// kill ends the daemon as SIGKILL does: its connections break, and nothing that
// it does on its way out reaches anybody.
func (n *fleetNode) kill() {
	n.life.Store(nil)
	n.fleet.server.Set(n.id, storesim.Way{Refused: true})
	n.fleet.fabric.reset(n.host, "")
	n.crash()
	n.fleet.server.Set(n.id, storesim.Way{})
	n.down, n.frozen = true, false
}

// end ends the daemon in order.
func (n *fleetNode) end() {
	n.life.Store(nil)
	n.leave()
	n.down = true
}

// live is the node's daemon once it serves, else nil.
func (n *fleetNode) live() *Daemon {
	if d := n.life.Load(); d != nil && d.serving.Load() {
		return d
	}
	return nil
}

// newDatabase is the file of a database that has its tables, and an authority
// that takes no time to open.
func newDatabase(t testing.TB) []byte {
	t.Helper()
	data, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// migrated is made once, in a bubble: what is in it is of virtual time.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path, ctx := filepath.Join(dir, "empty.db"), context.Background()
	s, err := storesim.New(path, 0).Open("template", nil)
	if err != nil {
		return nil, err
	}
	err = s.Migrate(ctx, "template")
	if err == nil {
		err = keepCheapAuthority(ctx, s)
	}
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// keepCheapAuthority stores an authority whose key can be guessed quickly, and
// so be opened often.
func keepCheapAuthority(ctx context.Context, s *store.Store) error {
	made := new(keptAuthority)
	_, err := peer.OpenAuthority(ctx, peer.AuthorityOptions{Store: made, Key: fleetKey, Node: "template", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var sealed struct {
		KDF       string `json:"kdf"`
		Passes    uint32 `json:"passes"`
		MemoryKiB uint32 `json:"memory_kib"`
		Threads   uint8  `json:"threads"`
		Salt      []byte `json:"salt"`
		Box       []byte `json:"box"`
	}
	if err := json.Unmarshal([]byte(made.stored.SealedKey), &sealed); err != nil {
		return err
	}
	box := func() (cipher.AEAD, error) {
		block, err := aes.NewCipher(argon2.IDKey([]byte(fleetKey), sealed.Salt, sealed.Passes, sealed.MemoryKiB, sealed.Threads, 32))
		if err != nil {
			return nil, err
		}
		return cipher.NewGCMWithRandomNonce(block)
	}
	certificate, _ := pem.Decode([]byte(made.stored.Certificate))
	dear, err := box()
	if err != nil {
		return err
	}
	key, err := dear.Open(nil, nil, sealed.Box, certificate.Bytes)
	if err != nil {
		return err
	}
	sealed.Passes, sealed.MemoryKiB = 1, 64
	cheap, err := box()
	if err != nil {
		return err
	}
	sealed.Box = cheap.Seal(nil, nil, key, certificate.Bytes)
	text, err := json.Marshal(sealed)
	if err == nil {
		_, err = s.KeepAuthority(ctx, cluster.Authority{Certificate: made.stored.Certificate, SealedKey: string(text)})
	}
	return err
}

// keptAuthority keeps an authority in memory.
type keptAuthority struct{ stored cluster.Authority }

// Authority implements peer.AuthorityStore.
func (k *keptAuthority) Authority(context.Context) (cluster.Authority, error) {
	if k.stored.Certificate == "" {
		return k.stored, cluster.ErrNotFound
	}
	return k.stored, nil
}

// KeepAuthority implements peer.AuthorityStore.
func (k *keptAuthority) KeepAuthority(_ context.Context, a cluster.Authority) (cluster.Authority, error) {
	k.stored = a
	return a, nil
}

// ResealAuthority implements peer.AuthorityStore.
func (k *keptAuthority) ResealAuthority(context.Context, cluster.Authority, string) error {
	return cluster.ErrConflict
}

// diary is what has happened in a history, for people to read: the steps, and
// what daemons say that is more than routine.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// of returns who writes down what a node says.
func (d *diary) of(node string) slog.Handler { return diaryHandler{d, node, ""} }

type diaryHandler struct {
	diary *diary
	node  string
	attrs string
}

// Enabled implements slog.Handler.
func (h diaryHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.Level(*clusterLevel)
}

// Handle implements slog.Handler.
func (h diaryHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	h.diary.note("    %s %s%s%s", h.node, r.Message, h.attrs, &b)
	return nil
}

// WithAttrs implements slog.Handler.
func (h diaryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h diaryHandler) WithGroup(string) slog.Handler { return h }
