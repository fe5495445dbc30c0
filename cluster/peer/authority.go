package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"maelstrom/cluster"
)

// look is how often an Authority looks whether its node's certificate is to be
// renewed: by the wall clock, for a machine may sleep.
const look = time.Minute

// AuthorityStore keeps the authority of a cluster.
type AuthorityStore interface {
	// Authority returns what is stored; cluster.ErrNotFound if nothing is.
	Authority(ctx context.Context) (cluster.Authority, error)

	// KeepAuthority stores an authority unless there is one, and returns the
	// one that is there then.
	KeepAuthority(ctx context.Context, a cluster.Authority) (cluster.Authority, error)

	// ResealAuthority stores the private key of the authority sealed in
	// another way: cluster.ErrConflict if what is stored is not what was read.
	ResealAuthority(ctx context.Context, read cluster.Authority, sealedKey string) error
}

// AuthorityOptions say whose authority to open.
type AuthorityOptions struct {
	Store  AuthorityStore
	Key    string // MAEL_CLUSTER_KEY
	Node   string // id of this node
	Logger *slog.Logger
}

// Authority is a cluster's authority as one of its nodes has it: open, and
// with a certificate of that node.
type Authority struct {
	opt AuthorityOptions
	now atomic.Pointer[credentials]
}

// credentials are what a node has of its authority at a time.
type credentials struct {
	*issuer
	pool  *x509.CertPool
	own   *tls.Certificate
	renew time.Time
}

// OpenAuthority opens the cluster's authority, which whoever comes first makes,
// and has it certify this node. ErrSealed: the key does not open it.
func OpenAuthority(ctx context.Context, opt AuthorityOptions) (*Authority, error) {
	stored, err := opt.Store.Authority(ctx)
	if errors.Is(err, cluster.ErrNotFound) {
		stored, err = create(ctx, opt)
	}
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	opened, err := open(stored, opt.Key)
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	a := &Authority{opt: opt}
	if err := a.certify(opened); err != nil {
		return nil, err
	}
	return a, nil
}

// CheckKey tells whether a key opens the authority that is stored, if there is
// one: ErrSealed if not. It stores nothing.
func CheckKey(ctx context.Context, store AuthorityStore, key string) error {
	stored, err := store.Authority(ctx)
	if errors.Is(err, cluster.ErrNotFound) {
		return nil
	}
	if err == nil {
		_, err = open(stored, key)
	}
	if err != nil {
		return fmt.Errorf("open authority: %w", err)
	}
	return nil
}

func create(ctx context.Context, opt AuthorityOptions) (cluster.Authority, error) {
	made, err := newIssuer(time.Now())
	if err != nil {
		return cluster.Authority{}, err
	}
	sealed, err := made.seal(opt.Key, costs)
	if err != nil {
		return cluster.Authority{}, err
	}
	kept, err := opt.Store.KeepAuthority(ctx, sealed)
	if err == nil && kept.Certificate == sealed.Certificate {
		opt.Logger.Info("authority of the cluster made", "fingerprint", Fingerprint(made.certificate))
	}
	return kept, err
}

// certify gives this node a new certificate of an issuer.
func (a *Authority) certify(by *issuer) error {
	now := time.Now()
	own, err := by.issue(a.opt.Node, now)
	if err != nil {
		return fmt.Errorf("certify node: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(by.certificate)
	a.now.Store(&credentials{issuer: by, pool: pool, own: own, renew: now.Add(lifetime / 2)})
	return nil
}

// Run renews this node's certificate at half of its life until ctx ends.
func (a *Authority) Run(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if time.Now().Before(a.now.Load().renew) {
			a.follow(ctx)
			continue
		}
		if err := a.certify(a.latest(ctx)); err != nil {
			a.opt.Logger.Error("certificate of this node not renewed", "error", err)
			continue
		}
		a.opt.Logger.Debug("certificate of this node renewed")
	}
}

// follow reads what is stored, so that a copy that the store keeps is sealed
// as the original is: this node starts by it while the database is away.
func (a *Authority) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, look)
	defer cancel()
	if _, err := a.opt.Store.Authority(ctx); err != nil {
		a.opt.Logger.Debug("authority not read", "error", err)
	}
}

// Reseal seals the cluster's authority under another key. It stays the same
// authority: this node and all others that run go on, and need that key when
// they start again. ErrConflict: this node's own key is not the one that opens
// it, or is the one that was given.
func (a *Authority) Reseal(ctx context.Context, key string) error {
	if key == a.opt.Key {
		return fmt.Errorf("%w: that is the key that the cluster has", cluster.ErrConflict)
	}
	stored, err := a.opt.Store.Authority(ctx)
	if err != nil {
		return fmt.Errorf("reseal authority: %w", err)
	}
	opened, err := open(stored, a.opt.Key)
	if err != nil || stored.Certificate != a.now.Load().pem() {
		return fmt.Errorf("%w: this node was started with another MAEL_CLUSTER_KEY than the authority has by now: restart it with the one that counts, or ask a node that was", cluster.ErrConflict)
	}
	sealed, err := opened.seal(key, costs)
	if err != nil {
		return fmt.Errorf("reseal authority: %w", err)
	}
	if err := a.opt.Store.ResealAuthority(ctx, stored, sealed.SealedKey); err != nil {
		return err
	}
	a.opt.Logger.Info("authority of the cluster sealed under another key", "fingerprint", Fingerprint(opened.certificate))
	return nil
}

// latest is the issuer that the database has by now; the one that is open while
// it does not tell, or what it has can't be opened.
func (a *Authority) latest(ctx context.Context) *issuer {
	known := a.now.Load().issuer
	ctx, cancel := context.WithTimeout(ctx, look)
	defer cancel()
	stored, err := a.opt.Store.Authority(ctx)
	if err != nil || stored.Certificate == known.pem() {
		return known
	}
	opened, err := open(stored, a.opt.Key)
	if err != nil {
		a.opt.Logger.Error("the database has another authority, which is not used", "error", err)
		return known
	}
	a.opt.Logger.Warn("the database has another authority: going on with that", "fingerprint", Fingerprint(opened.certificate))
	return opened
}

// CAPEM returns the authority's certificate, for who shall know its nodes.
func (a *Authority) CAPEM() []byte { return []byte(a.now.Load().pem()) }

// ServerConfig returns how a node answers: TLS 1.3 with its own certificate. A
// client need not have one; one that it has must be a node's.
func (a *Authority) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := a.now.Load()
			return &tls.Config{
				MinVersion:             tls.VersionTLS13,
				NextProtos:             []string{"h2", "http/1.1"},
				Certificates:           []tls.Certificate{*now.own},
				ClientAuth:             tls.VerifyClientCertIfGiven,
				ClientCAs:              now.pool,
				SessionTicketsDisabled: true, // each connection shows a certificate of its time
			}, nil
		},
	}
}

// ClientConfig returns how this node calls another one, and no one else: it
// shows its own certificate and expects one in that node's name. NextProtos is
// the caller's to set.
func (a *Authority) ClientConfig(node string) *tls.Config {
	now := a.now.Load()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   nameOf(node),
		RootCAs:      now.pool,
		Certificates: []tls.Certificate{*now.own},
	}
}

// NodeOf returns the node that is at the other end of a connection, if it has
// shown a certificate of this authority.
func (a *Authority) NodeOf(state *tls.ConnectionState) (node string, ok bool) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return "", false
	}
	chain := state.VerifiedChains[0]
	if names := chain[0].DNSNames; len(names) == 1 && chain[len(chain)-1].Equal(a.now.Load().certificate) {
		return strings.CutSuffix(names[0], "."+cluster.NodeDomain)
	}
	return "", false
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
