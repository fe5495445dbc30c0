package daemon

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"maelstrom/cluster"
)

// shutdown ends every part in its turn. Each step has its own limit and goes
// on without the database, so that a stop ends whatever is broken.
func (d *Daemon) shutdown() {
	if d.handing {
		d.tell(tellReloading())
	} else {
		d.tell(tellStopping)
	}
	d.loosen()
	d.stopCron()
	d.endRuns()
	d.tasks.end(d.log, "sources", stepLimit)
	if !d.embedded() {
		d.giveUpRoles() // others can take over while this node still serves
	}
	d.leaving.Store(true)
	d.gateway.SetLeaving(!d.handing)
	d.tellNode(cluster.NodeLeaving)
	d.pause()
	d.endServers()
	d.tasks.end(d.log, "hooks", stepLimit)
	d.giveUpRoles()
	d.tasks.end(d.log, "isolation", stepLimit) // before others are not heard for the sole reason that this node stops
	d.tasks.end(d.log, "membership", stepLimit)
	d.tasks.end(d.log, "agent", stepLimit)
	if agent := d.agent.Load(); agent != nil && d.opt.OnExit == ExitStop && !d.handing {
		d.step("containers stop", stopAllLimit, agent.StopAll)
	}
	d.tasks.end(d.log, "images", stepLimit)
	d.tasks.end(d.log, "logs", stepLimit)
	d.tasks.end(d.log, "bridges", stepLimit)
	d.tellNode(cluster.NodeDown)
	if d.hub != nil && !d.handing {
		d.hub.Leave()
	}
	d.tasks.end(d.log, "peers", stepLimit)
	d.tasks.end(d.log, "alerts", stepLimit)
	d.endJournal()
	d.tasks.end(d.log, "gateway", stepLimit)
	d.tasks.end(d.log, "authority", stepLimit)
	d.tasks.end(d.log, "keys", stepLimit)
	d.tasks.end(d.log, "recent", stepLimit)
	d.tasks.end(d.log, "feed", stepLimit)
}

// step runs one bounded step of the shutdown and logs how it failed.
func (d *Daemon) step(name string, limit time.Duration, run func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := run(ctx); err != nil {
		d.log.Warn("step of the stop failed", "step", name, "error", err)
	}
}

func (d *Daemon) stopCron() {
	d.cronStop()
	d.step("cron requests end", drainLimit, func(ctx context.Context) error {
		d.cron.Drain(ctx)
		return nil
	})
}

func (d *Daemon) giveUpRoles() { d.step("roles are given up", farewellLimit, d.keeper.GiveUp) }

// tellNode writes this node's state for others to see. A node that goes on at
// once has nothing to tell.
func (d *Daemon) tellNode(state cluster.NodeState) {
	if d.handing {
		return
	}
	d.step("node is "+string(state), farewellLimit, func(ctx context.Context) error {
		if d.identity.Load() == nil {
			return nil // it never joined: there is no row
		}
		return d.writeStatus(ctx, state)
	})
}

// loosen has clients of a daemon that hands over use another connection for each
// request by HTTP/1.1, while new ones are taken without delay: what is kept and
// not used for so long is unlikely to be used just when it is closed. HTTP/2 says
// by itself what was not taken.
func (d *Daemon) loosen() {
	if d.handing {
		d.loosening.Store(true)
		d.linger([]*httpServer{d.servers.public}, loosenLimit)
	}
}

// pause keeps serving while health checks already answer 503, so that load
// balancers go elsewhere first.
func (d *Daemon) pause() {
	if d.opt.ShutdownPause <= 0 || d.handing {
		return
	}
	timer := time.NewTimer(d.opt.ShutdownPause)
	defer timer.Stop()
	<-timer.C
}

// endServers ends intake and waits for what is in flight. Containers can call
// each other until the requests from outside have ended, which may need it, and
// then until nothing is in flight.
func (d *Daemon) endServers() {
	if d.handing {
		d.step("sockets are kept", stepLimit, func(context.Context) error { return d.sur.sockets.keep() })
	}
	d.unfollow()
	d.landNames()
	d.gateway.RefuseForwarded()
	d.drain("requests drain", d.servers.ports())
	d.step("calls between containers end", callsLimit, d.landAll)
	d.drain("calls between containers drain", d.servers.forContainers())
}

// drain stops accepting, lets clients go, and waits for what is in flight. What
// has no end of its own is ended.
func (d *Daemon) drain(name string, servers []*httpServer) {
	d.stopAccepting(servers)
	d.linger(servers, lingerLimit)
	d.step(name, drainLimit, func(ctx context.Context) error {
		errs := make([]error, len(servers)+1)
		var all sync.WaitGroup
		all.Go(func() { errs[len(servers)] = d.gateway.EndStreams(ctx) })
		for i, server := range servers {
			all.Go(func() {
				// Its listeners may be closed by now, which it says when it is done.
				if err := server.Shutdown(ctx); !errors.Is(err, net.ErrClosed) {
					errs[i] = err
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
}

// stopAccepting leaves new connections to the next process, on the sockets that
// it will have.
func (d *Daemon) stopAccepting(servers []*httpServer) {
	for _, server := range servers {
		if err := server.stopAccepting(d.handing); err != nil {
			d.log.Warn("listener not closed", "error", err)
		}
	}
}

// linger lets clients that keep connections send their next request, whose
// answer tells them to leave: a connection that is closed while a request is on
// its way takes that with it.
func (d *Daemon) linger(servers []*httpServer, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, server := range servers {
		for server.connections() > 0 {
			select {
			case <-d.quiet:
			case <-timer.C:
				return
			}
		}
	}
}

// landNames waits a little for a moment at which nothing is in flight, where
// the public port is what answers containers by name: a request from outside
// that needs such a call can't end once the port is not accepted from.
func (d *Daemon) landNames() {
	if d.bridges.names == nil || d.opt.PublicPort != httpPort {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), namesLimit)
	defer cancel()
	if err := d.landAll(ctx); err != nil {
		d.log.Debug("requests come all the time", "error", err)
	}
}

// landAll waits for a moment at which nothing is in flight.
func (d *Daemon) landAll(ctx context.Context) error {
	for {
		requests, landed := d.flights.land()
		if requests == 0 {
			return nil
		}
		select {
		case <-landed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// abandon ends every loop and connection and tells nobody: what a killed
// process leaves behind. Only the simulation asks for it.
func (d *Daemon) abandon() {
	for _, server := range d.servers.all() {
		_ = server.close() // nobody is left to tell
	}
	d.cronStop()
	for _, name := range []string{"hooks", "sources", "membership", "journal", "releases", "runs", "agent", "logs", "images", "bridges", "gateway", "peers", "authority", "keys", "recent", "feed"} {
		d.tasks.end(d.log, name, stepLimit)
	}
	for _, name := range d.tasks.names() {
		d.tasks.end(d.log, name, stepLimit)
	}
}
