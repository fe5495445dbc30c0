package gateway

import (
	"context"
	"errors"
	"time"

	"maelstrom/runtime/proxy"
)

// Streams are ended one by one, so that their clients don't come back all at
// once: streamGap apart, all of them within streamSpread. With the time that
// the end itself may take that is five seconds.
const (
	streamGap    = 40 * time.Millisecond
	streamSpread = 5*time.Second - proxy.Farewell
)

// errInFlight: what is no stream goes on after all streams were ended.
var errInFlight = errors.New("requests are in flight that are no streams")

// EndStreamsOf ends the streams of an instance that leaves: WebSockets with
// code 1001, event streams and gRPC as their protocols say it. It returns when
// they are gone, with an error if anything is still in flight.
func (g *Gateway) EndStreamsOf(ctx context.Context, placement string) error {
	d := g.dispatcherOf(placement)
	if d == nil {
		return nil
	}
	list := func() []proxy.Stream { return d.streamsOf(placement) }
	if err := endStreams(ctx, proxy.GoingAway, list); err != nil {
		return err
	}
	if d.inFlightOn(placement) > 0 {
		return errInFlight
	}
	return nil
}

// EndStreams ends all streams of this node, because its daemon exits:
// WebSockets with code 1012, event streams and gRPC as their protocols say it.
// It returns when they are gone.
func (g *Gateway) EndStreams(ctx context.Context) error {
	return endStreams(ctx, proxy.ServiceRestart, func() []proxy.Stream {
		var all []proxy.Stream
		for _, d := range g.dispatchers.Load().All() {
			all = append(all, d.streams()...)
		}
		return all
	})
}

// endStreams ends what is listed until nothing is.
func endStreams(ctx context.Context, why proxy.Ending, list func() []proxy.Stream) error {
	for open := list(); len(open) > 0; open = list() {
		if err := endEach(ctx, why, open); err != nil {
			return err
		}
	}
	return nil
}

func endEach(ctx context.Context, why proxy.Ending, open []proxy.Stream) error {
	gap := min(streamGap, streamSpread/time.Duration(len(open)))
	pace := time.NewTicker(gap)
	defer pace.Stop()
	for _, s := range open {
		s.End(why)
		select {
		case <-pace.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, s := range open {
		select {
		case <-s.Ended():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *dispatcher) streamsOf(placement string) []proxy.Stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.instances[placement]; i != nil {
		return i.conns.Streams()
	}
	return nil
}

func (d *dispatcher) streams() (all []proxy.Stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range d.instances {
		all = append(all, i.conns.Streams()...)
	}
	return all
}

func (d *dispatcher) inFlightOn(placement string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.instances[placement]; i != nil {
		return i.inFlight
	}
	return 0
}
