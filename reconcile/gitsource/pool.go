// Package gitsource reads sources of projects from git repositories. Nothing
// is ever checked out: files are read from objects.
package gitsource

import (
	"errors"
	"log/slog"
	"net/netip"
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
	Networks []netip.Prefix

	Logger *slog.Logger

	Share   time.Duration // for so long after a query began, its answer serves every source that asks the same; 100 ms
	Timeout time.Duration // of a query and of each silence of the other side, 30 s
}

// Pool opens the origins of this node, which share their queries.
type Pool struct {
	options Options
}

// New makes a Pool.
func New(opt Options) *Pool { return &Pool{options: opt} }

// Open makes the Origin of a source. Nothing is asked of its repository yet.
func (p *Pool) Open(spec *cluster.Source, secrets cluster.SourceSecrets) (reconcile.Origin, error) {
	return nil, errors.New("open git source: not now")
}

// Close ends what the Pool has open; its origins are closed by their owners.
func (p *Pool) Close() error { return nil }

var _ reconcile.OpenOrigin = (*Pool)(nil).Open
