// Package daemon is the composition root of maelstromd: it builds, starts and
// stops every part, and introduces them to each other.
package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/images"
)

// Options is everything that a daemon can be told. DefaultOptions holds every
// default; ParseOptions reads flags and environment over it.
type Options struct {
	Version string

	DataDir   string
	SQLDriver string // sqlite, postgres or mysql
	SQLDSN    string // empty with sqlite: maelstrom.db in DataDir

	PublicAddr  netip.Addr // address that the public port binds; unspecified: all
	PublicPort  int
	PrivatePort int

	PeerAddr      string // for other nodes, over TLS; empty: this node has none
	PeerAdvertise string // where they reach it; empty: found out
	ClusterKey    string // opens the cluster's authority

	NodeLabels map[string]string // that components can ask for

	DockerHost     string // empty: DOCKER_HOST, else the local socket
	TotalMemoryMiB int64  // what placement may use: -1 all of the host, 0 nothing

	Images images.Options // how images come and go

	Stall    time.Duration // an exchange without a byte either way is given up
	IdleConn time.Duration // keep-alive connections without a request

	TrustedProxies []netip.Prefix

	ServiceNames  bool             // answer names of components to containers
	NamesUpstream []netip.AddrPort // who is asked for all others; empty: the host's name servers

	Sources        string         // file that declares sources; empty: none
	HookAddr       string         // where webhooks are taken; empty: nowhere
	SourceNetworks []netip.Prefix // that sources are fetched from and events sent to; empty: all but link-local addresses

	LogRing   LogRing // how much output of containers is kept
	AccessLog bool

	CronZone      *time.Location
	ShutdownPause time.Duration
	OnExit        ExitMode
	APIToken      string // a first token, stored as its hash

	LogFormat  string // text or json
	LogLevel   slog.Level
	Pprof      bool
	CPUProfile string // file name
}

// ExitMode says what a stopping daemon does with its containers.
type ExitMode string

// The exit modes.
const (
	ExitKeep ExitMode = "keep"
	ExitStop ExitMode = "stop"
)

// DefaultOptions returns the options of a daemon that is told nothing.
func DefaultOptions() Options {
	return Options{
		Version:        "dev",
		SQLDriver:      "sqlite",
		PublicAddr:     netip.IPv6Unspecified(),
		PublicPort:     80,
		PrivatePort:    8374,
		TotalMemoryMiB: -1,
		Images:         images.Options{Prune: images.PruneOptions{GuardPercent: 85}},
		Stall:          310 * time.Second,
		IdleConn:       310 * time.Second,
		ServiceNames:   true,
		CronZone:       time.UTC,
		OnExit:         ExitKeep,
		LogRing:        LogRing{MiB: 20, Days: 7},
		LogFormat:      "text",
	}
}

// Validate checks what no single value can tell, and fills in DataDir.
func (o *Options) Validate() error {
	var errs []error
	if o.DataDir == "" {
		dir, err := rpc.DefaultDataDir()
		if err != nil {
			errs = append(errs, err)
		}
		o.DataDir = dir
	}
	if o.PublicPort == o.PrivatePort && o.PublicPort != 0 {
		errs = append(errs, fmt.Errorf("MAEL_PUBLIC_PORT and MAEL_PRIVATE_PORT are both %d: choose two ports", o.PublicPort))
	}
	if o.PeerAddr != "" && o.ClusterKey == "" {
		errs = append(errs, errors.New("MAEL_PEER_ADDR is set: set MAEL_CLUSTER_KEY too, to the same text on every node, such as `openssl rand -hex 32` prints"))
	}
	if o.SQLDriver != "sqlite" && o.SQLDSN == "" {
		errs = append(errs, fmt.Errorf("MAEL_SQL_DRIVER is %s: set MAEL_SQL_DSN to the database's address", o.SQLDriver))
	}
	return errors.Join(errs...)
}
