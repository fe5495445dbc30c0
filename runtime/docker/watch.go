package docker

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/events"
)

// How long to wait until a lost engine is asked again: doubled from the first
// to the last.
const (
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 2 * time.Second
)

// overlap is how far a new stream of events looks back. The engine opens the
// stream before it subscribes; what falls between would be lost.
const overlap = 2 * time.Second

// Watch sends when something may have changed: at each event of a container of
// ours, when the engine's stream of events opens, and when it breaks.
func (d *Driver) Watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		d.watch(ctx, func() {
			select {
			case changed <- struct{}{}:
			default: // one is waiting to be taken: it stands for this one too
			}
		})
	}()
	return changed
}

func (d *Driver) watch(ctx context.Context, announce func()) {
	wait := firstReconnect
	for ctx.Err() == nil {
		opened, err := d.follow(ctx, announce)
		if ctx.Err() != nil {
			return
		}
		if opened {
			wait = firstReconnect
			announce()
		}
		if wait == firstReconnect { // not again at each attempt
			d.log.Warn("no events from the engine", "error", err)
		}
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
		}
		wait = min(2*wait, lastReconnect)
	}
}

// follow reads one stream of events to its end and tells whether it opened.
func (d *Driver) follow(ctx context.Context, announce func()) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = d.call(ctx, quickTimeout, func(ctx context.Context) error {
		_, err := d.client.Ping(ctx)
		return err
	})
	if err != nil {
		return false, err
	}
	filter := d.ours()
	filter.Add("type", string(events.ContainerEventType))
	for _, action := range []events.Action{
		events.ActionStart, events.ActionDie, events.ActionOOM, events.ActionDestroy,
		events.ActionPause, events.ActionUnPause,
	} {
		filter.Add("event", string(action))
	}
	messages, failed := d.client.Events(ctx, events.ListOptions{
		Since:   time.Now().Add(-overlap).Format(time.RFC3339Nano),
		Filters: filter,
	})
	announce()
	for {
		select {
		case message := <-messages:
			d.touch(message.Actor.ID)
			announce()
		case err := <-failed:
			return true, classify(err)
		}
	}
}
