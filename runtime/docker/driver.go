// Package docker drives containers through the Docker Engine API. The version
// of the API is negotiated; nothing here needs more than 1.41 (Docker 20.10).
package docker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"maelstrom/runtime"
)

var _ runtime.Driver = (*Driver)(nil)

// How long the engine may take until it counts as down. Starting and removing
// wait for the kernel and for other containers; the rest only reads.
const (
	quickTimeout = 5 * time.Second
	listTimeout  = 20 * time.Second // of thousands of images, from a busy disk
	slowTimeout  = 2 * time.Minute
)

// Options configure a Driver.
type Options struct {
	Host      string // of the engine; empty: DOCKER_HOST, else the platform's socket
	ClusterID string
	Node      string
	Logger    *slog.Logger

	// RegistrySilence is how long a registry may send nothing during a pull; 0:
	// 20 seconds.
	RegistrySilence time.Duration

	// Publish dials every container by a port published on loopback, also
	// where its own address could be reached.
	Publish bool

	// FilesDir is an absolute path on the engine's host for the files of
	// components; empty: components with files are refused.
	FilesDir string
}

// Driver is a runtime.Driver for the containers of one node of one cluster.
// Other containers of the same engine are never listed and never touched.
type Driver struct {
	client *client.Client
	opt    Options
	log    *slog.Logger

	mu       sync.Mutex
	engine   *engine                // nil until the engine was asked
	networks map[string]networkFact // by name, for a short time
	touched  map[string]struct{}    // ids of containers that had an event since they were listed

	files   fileMounts
	readers readers

	listing sync.Mutex           // one List at a time
	seen    map[string]inspected // by id: what List need not ask again
}

// New returns a Driver. The engine need not run yet.
func New(opt Options) (*Driver, error) {
	settings := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if opt.Host != "" {
		settings = append(settings, client.WithHost(opt.Host))
	}
	c, err := client.NewClientWithOpts(settings...)
	if err != nil {
		return nil, fmt.Errorf("set up docker client: %w", err)
	}
	log := opt.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{
		client:   c,
		opt:      opt,
		log:      log,
		networks: make(map[string]networkFact),
		touched:  make(map[string]struct{}),
		files:    fileMounts{dir: opt.FilesDir, starting: make(map[string]bool)},
	}, nil
}

// Close closes the idle connections to the engine.
func (d *Driver) Close() error { return d.client.Close() }

// call runs one exchange with the engine, bounded by limit. It settles the
// version of the API first, so that no request is sent under a guessed one.
func (d *Driver) call(ctx context.Context, limit time.Duration, exchange func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := d.client.NewVersionError(bounded, "1.24", "maelstrom")
	if err == nil {
		err = exchange(bounded)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return fmt.Errorf("%w: no answer within %s", runtime.ErrEngineDown, limit)
	}
	return classify(err)
}

// ours selects the containers of this node of this cluster.
func (d *Driver) ours() filters.Args {
	return filters.NewArgs(
		filters.Arg("label", runtime.LabelCluster+"="+d.opt.ClusterID),
		filters.Arg("label", runtime.LabelNode+"="+d.opt.Node),
	)
}

// isOurs tells whether labels are those of a container of ours.
func (d *Driver) isOurs(labels map[string]string) bool {
	return labels[runtime.LabelPlacement] != "" &&
		labels[runtime.LabelCluster] == d.opt.ClusterID && labels[runtime.LabelNode] == d.opt.Node
}

// owned inspects one container of ours; any other is ErrNotFound.
func (d *Driver) owned(ctx context.Context, id string) (container.InspectResponse, error) {
	var found container.InspectResponse
	err := d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		found, err = d.client.ContainerInspect(ctx, id)
		return err
	})
	if err == nil && !d.isOurs(found.Config.Labels) {
		err = fmt.Errorf("%w of this node: %s", runtime.ErrNotFound, id)
	}
	if err != nil {
		return container.InspectResponse{}, fmt.Errorf("inspect container: %w", err)
	}
	return found, nil
}
