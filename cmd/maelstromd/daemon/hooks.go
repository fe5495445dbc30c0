package daemon

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"maelstrom/cluster"
	"maelstrom/reconcile/webhook"
)

// bindHooks claims the address of webhooks, if there is to be one.
func (d *Daemon) bindHooks(ctx context.Context) error {
	if d.opt.HookAddr == "" {
		return nil
	}
	d.servers.hooks = d.newServer(http.HandlerFunc(d.serveHook))
	given, err := d.sur.sockets.claim(socketHooks, "MAEL_HOOK_ADDR", isAt(d.opt.HookAddr))
	if err != nil || len(given) > 0 {
		d.servers.hooks.listeners = given
		return err
	}
	listener, err := d.sur.Listen(ctx, "tcp", d.opt.HookAddr)
	if err != nil {
		return fmt.Errorf("bind %s for webhooks: stop what listens there, or set MAEL_HOOK_ADDR to another address: %w", d.opt.HookAddr, err)
	}
	d.servers.hooks.listeners = []net.Listener{listener}
	return nil
}

// serveHook answers on the listener of webhooks, which has nothing else.
func (d *Daemon) serveHook(w http.ResponseWriter, r *http.Request) { d.hooks.ServeHTTP(w, r) }

func (d *Daemon) buildHooks() {
	d.hooks = webhook.New(webhook.Options{Logger: d.part("hooks")}, webhook.Deps{
		Snapshots: d.feed, Secrets: d.store, Deliveries: d.store, Poker: pokeFunc(d.pokeSource),
	})
}

// startHooks serves webhooks: sources are known by now.
func (d *Daemon) startHooks(base context.Context) {
	d.tasks.start(base, "hooks", d.failed, d.hooks.Run)
	if d.servers.hooks != nil {
		d.servers.hooks.serve(d)
	}
}

// pokeFunc is a webhook.Poker.
type pokeFunc func(ctx context.Context, source string) error

// Poke makes the loop of a source look at once.
func (f pokeFunc) Poke(ctx context.Context, source string) error { return f(ctx, source) }

func (d *Daemon) pokeSource(ctx context.Context, source string) error {
	return d.reconciler.Poke(ctx, source)
}

// refusedCalls tells which calls of webhooks this node has refused, or has had
// before: those are not in the database.
func (d *Daemon) refusedCalls(source string) []cluster.Delivery {
	_, refused := d.hooks.Refused(source)
	return refused
}
