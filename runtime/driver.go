// Package runtime keeps what runs on this node equal to the placements of this
// node: Driver is the container engine, Agent the loop that drives it.
package runtime

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Driver is a container engine as the Agent sees it. Every method honours ctx
// and is safe for concurrent use. Errors are one of the Err values below,
// wrapped with the engine's own text, where a caller can act on the kind.
type Driver interface {
	ImageStore

	// Info tells whether the engine answers, and what it is.
	Info(ctx context.Context) (EngineInfo, error)

	// ImagePresent tells whether an image can be started without a pull.
	ImagePresent(ctx context.Context, image string) (bool, error)

	// CheckImage tells whether Pull would find an image, or Start has it, and
	// fetches nothing. Its error says why not.
	CheckImage(ctx context.Context, req PullRequest) error

	// Pull fetches an image. Credentials come from the request alone. A
	// registry that sends nothing for a while is given up.
	Pull(ctx context.Context, req PullRequest) error

	// Start creates and starts the container of a placement. It returns
	// ErrConflict if the placement already has one, ErrImageMissing if the
	// image is not here. A container that could not be started is removed.
	Start(ctx context.Context, spec Spec) (Container, error)

	// Stop ends a container (SIGTERM, SIGKILL after grace) and removes it, once
	// those who keep its output have read it, or did not for some seconds. One
	// that is gone already is no error.
	Stop(ctx context.Context, id string, grace time.Duration) error

	// Inspect returns one container, ErrNotFound if there is none.
	Inspect(ctx context.Context, id string) (Container, error)

	// List returns the containers of this cluster and node, exited ones
	// included, and no others. Recovery starts here.
	List(ctx context.Context) ([]Container, error)

	// Watch sends when something may have changed ("call List"); sends
	// coalesce. The channel is closed when ctx ends; a lost engine connection
	// is made again inside and announced by a send.
	Watch(ctx context.Context) <-chan struct{}

	// MemoryUse returns the bytes that a container has in memory, without what
	// the kernel would give back at once; 0: it does not run.
	MemoryUse(ctx context.Context, id string) (int64, error)

	// Exec runs a command in a running container to its end.
	Exec(ctx context.Context, id string, command []string) (ExecResult, error)

	// Logs opens a container's output; ErrLogUnreadable, also from the stream,
	// if its log driver can't be read.
	Logs(ctx context.Context, id string, opt LogOptions) (LogStream, error)

	// Bridges lists the engine's bridge networks whose gateway address is on
	// this host: where the service-to-service listener goes.
	Bridges(ctx context.Context) ([]Bridge, error)
}

// The kinds of errors that callers act on.
var (
	ErrConflict     = errors.New("placement already has a container")
	ErrNotFound     = errors.New("no such container")
	ErrImageMissing = errors.New("image not present")
	ErrPull         = errors.New("image cannot be pulled")
	ErrEngineDown   = errors.New("container engine does not answer")
	ErrInvalidSpec  = errors.New("engine refuses the container's settings")

	ErrLogUnreadable = errors.New("output cannot be read back")
)

// EngineInfo describes an engine.
type EngineInfo struct {
	Name           string // "docker"
	Version        string
	APIVersion     string
	MemoryTotalMiB int64
	CPUCount       int
	Architecture   string // amd64, arm64, ...; empty: not known
}

// VolumeLister is a Driver that knows its named volumes.
type VolumeLister interface {
	// VolumeNames lists the volumes of the engine, whoever made them.
	VolumeNames(ctx context.Context) ([]string, error)
}

// PullRequest names an image and how to get it.
type PullRequest struct {
	Image    string
	Username string
	Password string
	Token    string // identity token in place of a password

	// Progress is called with percents that only grow; nil: nobody watches.
	Progress func(percent int)
}

// Spec is one container to start.
type Spec struct {
	Placement string
	Component *project.Component // effective
	Version   int64              // of the component
	Epoch     int64              // of the node

	// Run says that this is no instance: its host ports are not bound, and
	// nobody dials it. Placement is the run's id.
	Run cluster.RunKind

	// Provisional says that the placement has no row yet.
	Provisional bool

	// Terminal is what the container is attached to, by RunCommand alone.
	Terminal *Terminal

	// Environment is all that the container sees, injected variables
	// included, sorted by name.
	Environment []project.EnvVar

	// NameServers are those of a container whose component names none; empty:
	// the engine's choice.
	NameServers []string

	// Hosts are names that a container knows without asking, as name:address.
	Hosts []string
}

// ContainerState is what the engine says of a container.
type ContainerState string

// The container states.
const (
	ContainerCreated ContainerState = "created"
	ContainerRunning ContainerState = "running"
	ContainerPaused  ContainerState = "paused"
	ContainerExited  ContainerState = "exited"
)

// Container is one of our containers.
type Container struct {
	ID        string
	Name      string
	Placement string
	Component string
	Version   int64 // of the component, from its label
	Epoch     int64 // of the node, when it was started
	Run       cluster.RunKind

	Provisional bool // its placement had no row when it was started

	Image   string // its name when it was started
	ImageID string

	State     ContainerState
	ExitCode  int
	OOMKilled bool
	Error     string // the engine's text, if it could not run

	// Address is host:port to dial from this host, empty while unknown.
	Address    string
	StartedAt  time.Time
	FinishedAt time.Time
}

// ExecResult is the outcome of a command.
type ExecResult struct {
	ExitCode int
	Output   string // both streams, the last 64 KiB
}

// LogOptions select output.
type LogOptions struct {
	Follow bool
	Since  time.Time // zero: from the start
	Tail   int       // last lines; 0: all
	Keep   bool      // with Follow: a Stop waits a little for who reads
}

// LogStream is a container's output, line by line. Next returns io.EOF at the end.
type LogStream interface {
	Next() (LogLine, error)
	io.Closer
}

// LogLine is one line of output, without its line end.
type LogLine struct {
	Time   time.Time
	Stream string // stdout or stderr
	Text   string
}

// Bridge is a bridge network of the engine.
type Bridge struct {
	Network string
	Gateway netip.Addr
	Subnet  netip.Prefix
}

// Labels of our containers. The first three are the original's.
const (
	LabelMaelstrom = "maelstrom"           // "true"
	LabelComponent = "maelstrom_component" // full name
	LabelVersion   = "maelstrom_version"   // of the component
	LabelCluster   = "maelstrom.cluster"
	LabelNode      = "maelstrom.node"
	LabelPlacement = "maelstrom.placement"
	LabelEpoch     = "maelstrom.epoch"
	LabelRun       = "maelstrom.run" // kind of run; absent from instances

	LabelProvisional = "maelstrom.provisional" // "true": started without the database
)
