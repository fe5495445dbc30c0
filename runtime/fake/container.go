package fake

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"maelstrom/runtime"
)

// exit is how a container ended.
type exit struct {
	code int
	oom  bool
}

// container is one container. Its mutable fields are under the engine's lock.
type container struct {
	engine        *Engine
	cluster, node string
	id            string
	ip            netip.Addr
	image         *Image
	spec          runtime.Spec
	output        output
	term          chan struct{} // SIGTERM arrived
	kills         chan exit     // buffered: the first one counts
	done          chan struct{} // closed when it has exited

	state    runtime.ContainerState
	how      exit
	started  time.Time
	finished time.Time
	listener *listener // while it listens
}

func newContainer(e *Engine, opt Options, spec runtime.Spec) *container {
	c := &container{
		engine: e, cluster: opt.Cluster, node: opt.Node,
		id:    fmt.Sprintf("%064x", e.serial),
		ip:    netip.AddrFrom4([4]byte{10, 88, byte(e.serial >> 8), byte(e.serial)}),
		image: e.images[spec.Component.Image],
		spec:  spec,
		term:  make(chan struct{}, 1),
		kills: make(chan exit, 1),
		done:  make(chan struct{}),
		state: runtime.ContainerCreated,
	}
	return c
}

// start lets a created container run, unless it was removed meanwhile.
func (e *Engine) start(c *container) (runtime.Container, error) {
	c.output.write("stdout", c.image.Output...)
	c.output.write("stderr", c.image.ErrorOutput...)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.containers[c.id] != c {
		return runtime.Container{}, fmt.Errorf("%w: %s", runtime.ErrNotFound, c.id)
	}
	c.state = runtime.ContainerRunning
	c.started = time.Now()
	e.peaks[c.spec.Component.Name] = max(e.peaks[c.spec.Component.Name], e.runningLocked(c.spec.Component.Name))
	e.ended.Go(c.run)
	e.notifyLocked()
	return c.viewLocked(), nil
}

func (e *Engine) runningLocked(component string) int {
	n := 0
	for _, c := range e.containers {
		if c.spec.Component.Name == component && c.state == runtime.ContainerRunning {
			n++
		}
	}
	return n
}

func (e *Engine) remove(c *container) {
	c.output.close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.containers, c.id)
	e.notifyLocked()
}

// run is a container's process, from its start to its exit.
func (c *container) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := &http.Server{Handler: c.image.handler(c.spec), Protocols: protocols()}
	boot, stopBoot := after(c.image.Boot)
	defer stopBoot()
	life, stopLife := after(c.image.ExitAfter)
	defer stopLife()
	if !c.image.Exits {
		life = nil
	}
	for {
		select {
		case how := <-c.kills:
			c.exit(server, how)
			return
		case <-life:
			c.exit(server, exit{code: c.image.ExitCode})
			return
		case <-c.term:
			if !c.image.IgnoresTerm {
				c.engine.ended.Go(func() { c.finish(ctx, server) })
			}
		case <-boot:
			if limit := c.spec.Component.LimitMemory; limit > 0 && c.image.MemoryMiB > limit {
				c.exit(server, exit{code: 137, oom: true})
				return
			}
			if !c.image.NeverListens && !c.image.exitsFirst() {
				c.listen(server)
			}
		}
	}
}

// after sends once d has passed, at once if that is nothing.
func after(d time.Duration) (passed <-chan time.Time, stop func()) {
	if d <= 0 {
		now := make(chan time.Time, 1)
		now <- time.Now()
		return now, func() {}
	}
	timer := time.NewTimer(d)
	return timer.C, func() { timer.Stop() }
}

func protocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// finish ends a container as a well-behaved process does on SIGTERM: what is
// in flight is answered, then it exits with 0.
func (c *container) finish(ctx context.Context, server *http.Server) {
	if server.Shutdown(ctx) != nil || wait(ctx, c.image.TermDelay) != nil {
		return
	}
	c.output.write("stdout", c.image.TermOutput...)
	c.kill(exit{})
}

func (c *container) listen(server *http.Server) {
	l := newListener(c.ip, c.port())
	c.engine.mu.Lock()
	c.listener = l
	c.engine.mu.Unlock()
	c.engine.ended.Go(func() { server.Serve(l) })
}

func (c *container) port() uint16 {
	if c.image.Port != 0 {
		return uint16(c.image.Port)
	}
	return uint16(c.spec.Component.HTTPPort)
}

// exit ends the process: its connections break, its output ends.
func (c *container) exit(server *http.Server, how exit) {
	server.Close()
	c.output.close()
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	if c.listener != nil {
		c.listener.Close()
		c.listener = nil
	}
	c.state = runtime.ContainerExited
	c.how = how
	c.finished = time.Now()
	close(c.done)
	c.engine.notifyLocked()
}

// kill makes a running container exit. It tells whether it was running.
func (c *container) kill(how exit) bool {
	c.engine.mu.Lock()
	running := c.state == runtime.ContainerRunning
	c.engine.mu.Unlock()
	if !running {
		return false
	}
	select {
	case c.kills <- how:
	default:
	}
	return true
}

// stop sends SIGTERM, after grace SIGKILL, and waits for the exit.
func (c *container) stop(ctx context.Context, grace time.Duration) error {
	c.engine.mu.Lock()
	running := c.state == runtime.ContainerRunning
	c.engine.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case c.term <- struct{}{}:
	default:
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	c.kill(exit{code: 137})
	<-c.done
	return nil
}

func (c *container) viewLocked() runtime.Container {
	view := runtime.Container{
		ID: c.id, Name: c.spec.Component.Name + "-" + c.spec.Placement, Placement: c.spec.Placement,
		Component: c.spec.Component.Name, Version: c.spec.Version, Epoch: c.spec.Epoch, Run: c.spec.Run, Provisional: c.spec.Provisional,
		Image: c.spec.Component.Image, ImageID: c.image.idOf(c.spec.Component.Image), State: c.state,
		ExitCode: c.how.code, OOMKilled: c.how.oom,
		StartedAt: c.started, FinishedAt: c.finished,
	}
	if c.state == runtime.ContainerRunning {
		view.Address = netip.AddrPortFrom(c.ip, uint16(c.spec.Component.HTTPPort)).String()
	}
	return view
}

func (c *container) listeners() []runtime.Listener {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	var list []runtime.Listener
	if c.listener != nil {
		address := netip.IPv4Unspecified()
		if c.image.Loopback {
			address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		list = append(list, runtime.Listener{Address: netip.AddrPortFrom(address, c.port())})
	}
	if c.image.UDPPort != 0 {
		list = append(list, runtime.Listener{Address: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(c.image.UDPPort)), UDP: true})
	}
	return list
}
