package runtime

import (
	"context"
	"time"

	"maelstrom/project"
)

// ImageStore is the part of a Driver that keeps images.
type ImageStore interface {
	// Image returns the image that a name or an id stands for now,
	// ErrImageMissing if there is none.
	Image(ctx context.Context, name string) (Image, error)

	// Images returns every image of the engine, whoever it belongs to.
	Images(ctx context.Context) ([]Image, error)

	// RemoveImage takes a name away, and the image with its last one. By its
	// id an image without names is removed. What a container uses stays, as an
	// error; what is gone already is none.
	RemoveImage(ctx context.Context, name string) error

	// WatchImages sends when a name may stand for another image; sends
	// coalesce. The channel is closed when ctx ends.
	WatchImages(ctx context.Context) <-chan struct{}

	// DataRoot is the directory of the engine's images; empty where that is
	// not on this host.
	DataRoot(ctx context.Context) (string, error)
}

// Image is an image on the engine.
type Image struct {
	ID        string   // sha256:..., of its configuration
	Names     []string // repository:tag
	Digests   []string // repository@sha256:..., as registries call it
	SizeBytes int64
	InUse     bool // by a container of anybody, running or not; only Images tells
}

// Images brings the images of components to this node. It is safe for
// concurrent use.
type Images interface {
	// Pull fetches the image of a component that is not here.
	Pull(ctx context.Context, order PullOrder) error

	// Ready fetches it if it is not here.
	Ready(ctx context.Context, order PullOrder) error

	// Refresh fetches it where the component asks for that although it is
	// here: before each start, or once after a change. Where that fails, an
	// image that is here will do.
	Refresh(ctx context.Context, order PullOrder) error

	// Identify tells what a container that was started as name runs.
	Identify(name, id string) ImageIdentity

	// Changed sends when Identify may answer differently; sends coalesce. The
	// channel is closed when ctx ends.
	Changed(ctx context.Context) <-chan struct{}
}

// PullOrder is a component at a version, and who watches its pull.
type PullOrder struct {
	Component *project.Component // effective
	Version   int64

	// Progress is called from the goroutine of the caller, with 0 when a pull
	// begins and with its percents; nil: nobody watches.
	Progress func(percent int)
}

// ImageIdentity is what is known of the image that a container runs. What is
// empty is not known yet, or does not apply.
type ImageIdentity struct {
	Digest string // sha256:..., as its registry calls it
	Now    string // id of the image that the name stands for by now, if that is another one
}

// progressEvery is how often the progress of a pull is published.
const progressEvery = time.Second

// followImages reports what instances run again when more is known of it.
func (a *Agent) followImages(ctx context.Context) error {
	for range a.deps.Images.Changed(ctx) {
		a.board.identify()
	}
	return nil
}
