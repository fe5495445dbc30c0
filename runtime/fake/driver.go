package fake

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"maelstrom/runtime"
)

// Options say whose containers a Driver sees, on which engine.
type Options struct {
	Cluster string
	Node    string
	Engine  *Engine          // shared with other nodes; nil: one of its own
	Images  map[string]Image // added to the engine's

	MemoryMiB int64 // of the host; 0: 4096
	CPUCount  int   // 0: 2
	DataRoot  string
}

// Driver is one node's view of an Engine.
type Driver struct {
	opt    Options
	engine *Engine
}

var (
	_ runtime.Driver         = (*Driver)(nil)
	_ runtime.ListenerSource = (*Driver)(nil)
	_ runtime.ImageInspector = (*Driver)(nil)
	_ runtime.Commander      = (*Driver)(nil)
	_ runtime.VolumeLister   = (*Driver)(nil)
)

// New returns a driver. Nothing runs until a container is started.
func New(opt Options) *Driver {
	d := &Driver{opt: opt, engine: opt.Engine}
	if d.engine == nil {
		d.engine = NewEngine(nil)
	}
	for name, image := range opt.Images {
		d.engine.SetImage(name, image)
	}
	return d
}

// Engine is what the driver drives: faults and counts.
func (d *Driver) Engine() *Engine { return d.engine }

// Dial connects to a container's address over an in-memory connection. It is
// what prober and proxy get in place of a net.Dialer.
func (d *Driver) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return d.engine.Dial(ctx, network, address)
}

// Info implements runtime.Driver.
func (d *Driver) Info(ctx context.Context) (runtime.EngineInfo, error) {
	if err := d.engine.enter(ctx); err != nil {
		return runtime.EngineInfo{}, err
	}
	info := runtime.EngineInfo{Name: "fake", Version: "1.0", APIVersion: "1.0", MemoryTotalMiB: 4096, CPUCount: 2}
	if d.opt.MemoryMiB != 0 {
		info.MemoryTotalMiB = d.opt.MemoryMiB
	}
	if d.opt.CPUCount != 0 {
		info.CPUCount = d.opt.CPUCount
	}
	return info, nil
}

// ImagePresent implements runtime.Driver.
func (d *Driver) ImagePresent(ctx context.Context, image string) (bool, error) {
	if err := d.engine.enter(ctx); err != nil {
		return false, err
	}
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	return d.engine.present[image], nil
}

// CheckImage implements runtime.Driver.
func (d *Driver) CheckImage(ctx context.Context, req runtime.PullRequest) error {
	present, err := d.ImagePresent(ctx, req.Image)
	if err != nil || present {
		return err
	}
	d.engine.mu.Lock()
	image := d.engine.images[req.Image]
	d.engine.mu.Unlock()
	return image.pullError(req)
}

// Pull implements runtime.Driver.
func (d *Driver) Pull(ctx context.Context, req runtime.PullRequest) error {
	e := d.engine
	e.count(func(c *Counts) { c.Pulls++ })
	if err := e.enter(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	image := e.images[req.Image]
	if newer := e.published[req.Image]; newer != nil {
		image = newer
	}
	e.mu.Unlock()
	if err := image.transfer(ctx, req); err != nil {
		return err
	}
	e.takeIn(req.Image, image)
	return nil
}

// transfer takes the image's time, and fails as the registry says.
func (i *Image) transfer(ctx context.Context, req runtime.PullRequest) error {
	const steps = 10
	for step := range steps {
		if i == nil || i.PullDelay == 0 {
			break
		}
		if err := wait(ctx, i.PullDelay/steps); err != nil {
			return err
		}
		if req.Progress != nil {
			req.Progress(100 * (step + 1) / steps)
		}
	}
	return i.pullError(req)
}

// takeIn makes a pulled image what the name stands for here.
func (e *Engine) takeIn(name string, image *Image) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.present[name] && e.images[name].idOf(name) != image.idOf(name) {
		e.nameless = append(e.nameless, e.images[name].idOf(name))
	}
	e.images[name] = image
	e.present[name] = true
	e.notifyLocked()
}

// Start implements runtime.Driver.
func (d *Driver) Start(ctx context.Context, spec runtime.Spec) (runtime.Container, error) {
	e := d.engine
	e.beginStart()
	defer e.count(func(*Counts) { e.starting-- })
	if err := e.enter(ctx); err != nil {
		return runtime.Container{}, err
	}
	c, err := d.create(spec)
	if err != nil {
		return runtime.Container{}, err
	}
	if err := wait(ctx, c.image.StartDelay); err != nil {
		e.remove(c)
		return runtime.Container{}, err
	}
	if c.image.StartError != "" {
		e.remove(c)
		return runtime.Container{}, fmt.Errorf("%w: %s", runtime.ErrInvalidSpec, c.image.StartError)
	}
	return e.start(c)
}

func (e *Engine) beginStart() {
	e.count(func(c *Counts) {
		c.Starts++
		e.starting++
		c.ParallelStarts = max(c.ParallelStarts, e.starting)
	})
}

// create reserves the placement's name, as an engine does.
func (d *Driver) create(spec runtime.Spec) (*container, error) {
	e := d.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.present[spec.Component.Image] {
		return nil, fmt.Errorf("%w: %s", runtime.ErrImageMissing, spec.Component.Image)
	}
	if e.byPlacementLocked(spec.Placement) != nil {
		return nil, fmt.Errorf("%w: %s", runtime.ErrConflict, spec.Placement)
	}
	for _, v := range spec.Component.Volumes {
		if v.Type == "volume" && v.Source != "" {
			e.volumes[v.Source] = true
		}
	}
	e.serial++
	c := newContainer(e, d.opt, spec)
	e.containers[c.id] = c
	e.notifyLocked()
	return c, nil
}

// Stop implements runtime.Driver.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	e := d.engine
	e.count(func(c *Counts) { c.Stops++ })
	if err := e.enter(ctx); err != nil {
		return err
	}
	c := d.own(id)
	if c == nil {
		return nil
	}
	if err := c.stop(ctx, grace); err != nil {
		return err
	}
	e.remove(c)
	return nil
}

// Inspect implements runtime.Driver.
func (d *Driver) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	c, err := d.find(ctx, id)
	if err != nil {
		return runtime.Container{}, err
	}
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	return c.viewLocked(), nil
}

// List implements runtime.Driver.
func (d *Driver) List(ctx context.Context) ([]runtime.Container, error) {
	e := d.engine
	e.count(func(c *Counts) { c.Lists++ })
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []runtime.Container
	for _, c := range e.containers {
		if d.owns(c) {
			list = append(list, c.viewLocked())
		}
	}
	return list, nil
}

// Watch implements runtime.Driver.
func (d *Driver) Watch(ctx context.Context) <-chan struct{} { return d.engine.watch(ctx) }

// Exec implements runtime.Driver.
func (d *Driver) Exec(ctx context.Context, id string, command []string) (runtime.ExecResult, error) {
	d.engine.count(func(c *Counts) { c.Execs++ })
	c, err := d.find(ctx, id)
	if err != nil {
		return runtime.ExecResult{}, err
	}
	if c.image.Exec == nil {
		return runtime.ExecResult{}, nil
	}
	return c.image.Exec(command), nil
}

// MemoryUse implements runtime.Driver.
func (d *Driver) MemoryUse(ctx context.Context, id string) (int64, error) {
	d.engine.count(func(c *Counts) { c.MemoryReads++ })
	c, err := d.find(ctx, id)
	if err != nil {
		return 0, err
	}
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	if c.state != runtime.ContainerRunning {
		return 0, nil
	}
	if c.image.MemoryMiB < 0 {
		return 0, fmt.Errorf("%s has no memory statistics", id)
	}
	return max(1, c.image.MemoryMiB) << 20, nil
}

// Logs implements runtime.Driver.
func (d *Driver) Logs(ctx context.Context, id string, opt runtime.LogOptions) (runtime.LogStream, error) {
	c, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.spec.Component.LogDriver == "none" {
		return nil, fmt.Errorf("%w: log driver none", runtime.ErrLogUnreadable)
	}
	return c.output.open(ctx, opt), nil
}

// Bridges implements runtime.Driver.
func (d *Driver) Bridges(ctx context.Context) ([]runtime.Bridge, error) {
	if err := d.engine.enter(ctx); err != nil {
		return nil, err
	}
	return []runtime.Bridge{{
		Network: "bridge",
		Gateway: netip.AddrFrom4([4]byte{10, 88, 0, 1}),
		Subnet:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 88, 0, 0}), 16),
	}}, nil
}

// Listeners implements runtime.ListenerSource.
func (d *Driver) Listeners(ctx context.Context, id string) ([]runtime.Listener, error) {
	c, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.listeners(), nil
}

func (d *Driver) find(ctx context.Context, id string) (*container, error) {
	if err := d.engine.enter(ctx); err != nil {
		return nil, err
	}
	if c := d.own(id); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: %s", runtime.ErrNotFound, id)
}

// own returns a container of this cluster and node, nil if there is none.
func (d *Driver) own(id string) *container {
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	if c := d.engine.containers[id]; c != nil && d.owns(c) {
		return c
	}
	return nil
}

func (d *Driver) owns(c *container) bool {
	return c.cluster == d.opt.Cluster && c.node == d.opt.Node
}
