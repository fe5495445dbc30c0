// Package gitsource reads sources of projects from git repositories. Nothing
// is ever checked out: files are read from objects.
package gitsource

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Options are what all sources of a Pool have in common. Zero fields have
// defaults.
type Options struct {
	CacheDir string // what was fetched is kept below it

	// Networks are the only ones that sources may be fetched from; empty: all
	// but link-local addresses.
	Networks reconcile.Networks

	Logger *slog.Logger

	// Share is how long a query waits at most for one of the same that runs, 25
	// ms. All sources that come in that time share it.
	Share time.Duration

	Timeout time.Duration // of each silence of the other side, 30 s
}

// Pool opens the origins of this node, which share their queries.
type Pool struct {
	options Options
	queries queries

	sweep sync.Once
	mu    sync.Mutex
	taken map[string]bool // caches, by directory
}

// New makes a Pool.
func New(opt Options) *Pool {
	opt.Share = cmp.Or(opt.Share, 25*time.Millisecond)
	opt.Timeout = cmp.Or(opt.Timeout, 30*time.Second)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pool{options: opt, queries: queries{patience: opt.Share}, taken: map[string]bool{}}
}

// Close does nothing: origins are closed by their owners.
func (p *Pool) Close() error { return nil }

var _ reconcile.OpenOrigin = (*Pool)(nil).Open

// Open makes the Origin of a source. Nothing is asked of its repository yet.
// An error is permanent and says what is wrong with the declaration.
func (p *Pool) Open(spec *cluster.Source, secrets cluster.SourceSecrets) (reconcile.Origin, error) {
	if spec.Git == nil {
		return nil, invalid(errors.New("the source is no git repository"))
	}
	p.sweep.Do(func() { sweepOld(p.options.CacheDir, time.Now()) })
	o, err := p.open(spec, secrets)
	if err != nil {
		return nil, invalid(err)
	}
	for _, warning := range Warnings(spec, secrets) {
		p.options.Logger.Warn("source is open to others", "source", spec.Name, "warning", warning)
	}
	return o, nil
}

// Warnings says what is wrong with a source that works.
func Warnings(spec *cluster.Source, secrets cluster.SourceSecrets) []string {
	if spec.Git == nil {
		return nil
	}
	a, err := parseAddress(spec.Git.URL)
	if err != nil || a.scheme != "http" {
		return nil
	}
	if secrets.Token != "" || secrets.Password != "" {
		return []string{"its credentials are sent over HTTP, where everybody on the way can read them; use https"}
	}
	return []string{"it is fetched over HTTP, where everybody on the way can change it; use https"}
}

func invalid(err error) error {
	out := permanent(cluster.ReasonInvalidSource, "")
	if known := classify(err); known.Permanent {
		out = known
	}
	out.Err = fmt.Errorf("open source: %w", err)
	return out
}

func (p *Pool) open(spec *cluster.Source, held cluster.SourceSecrets) (*origin, error) {
	a, err := parseAddress(spec.Git.URL)
	if err != nil {
		return nil, err
	}
	o := &origin{
		pool: p, address: a, ref: spec.Git.Ref, key: keyOf(spec.Git, held), idle: func() {},
		secrets: secrets{held.Token, held.Password, held.SSHPassphrase},
		log:     p.options.Logger.With("source", spec.Name),
		limits:  reconcile.WithDefaults(spec.Limits),
		strict:  spec.Git.ForcePush == cluster.ForcePushDeny,
	}
	o.cacheKey = sum(fmt.Sprintf("%s\n%s\n%d", spec.Name, spec.Git.URL, o.limits.FileBytes))
	if a.scheme == "ssh" {
		err = o.overSSH(spec.Git, held)
	} else {
		err = o.overHTTP(spec.Git, held)
	}
	if err != nil {
		return nil, err
	}
	o.store, o.release = p.take(filepath.Join(p.options.CacheDir, o.cacheKey[:16]))
	return o, nil
}

func (o *origin) overHTTP(git *cluster.GitSource, held cluster.SourceSecrets) error {
	user := cmp.Or(o.address.user, git.Username)
	password := held.Password
	if held.Token != "" {
		password = held.Token
		user = cmp.Or(user, tokenUser(o.address.host))
	}
	r, err := newHTTPRemote(httpOptions{
		address: o.address, user: user, password: password,
		ca: git.CA, proxy: git.Proxy, networks: o.pool.options.Networks,
	})
	if err != nil {
		return err
	}
	o.remote, o.idle = r, r.client.CloseIdleConnections
	return nil
}

// tokenUser is the user name that goes with a token. Most hosts take any.
func tokenUser(host string) string {
	if host == "bitbucket.org" {
		return "x-token-auth"
	}
	return "x-access-token"
}

func (o *origin) overSSH(git *cluster.GitSource, held cluster.SourceSecrets) error {
	if held.SSHKey == "" && held.Password == "" {
		return &loginError{user: cmp.Or(o.address.user, git.Username, "git"), err: errors.New("no SSH key is set")}
	}
	r, err := newSSHRemote(sshOptions{
		address: o.address, user: cmp.Or(o.address.user, git.Username, "git"),
		key: held.SSHKey, passphrase: held.SSHPassphrase, password: held.Password,
		knownHosts: git.KnownHosts, proxy: git.Proxy, networks: o.pool.options.Networks,
	})
	if err != nil {
		return err
	}
	o.remote = r
	return nil
}

// take gives a cache to one origin. Another one of the same source, one that
// tries it out say, has a cache of its own until it is closed.
func (p *Pool) take(dir string) (_ *store, release func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[dir] {
		own := filepath.Join(filepath.Dir(dir), private+rand.Text())
		return &store{dir: own}, func() error { return os.RemoveAll(own) }
	}
	p.taken[dir] = true
	return &store{dir: dir}, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.taken, dir)
		return nil
	}
}

// keyOf names a repository together with all that it is reached by.
func keyOf(git *cluster.GitSource, held cluster.SourceSecrets) string {
	text, err := json.Marshal([]string{
		git.URL, git.Username, git.KnownHosts, git.CA, git.Proxy,
		held.Token, held.Password, held.SSHKey, held.SSHPassphrase,
	})
	if err != nil {
		panic(err) // of strings
	}
	return sum(string(text))
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}
