package gateway

import (
	"context"
	"log/slog"
	"time"
)

// logAccess writes one line for a request that has its answer.
func (g *Gateway) logAccess(x *exchange, err error) {
	if g.opt.AccessLog == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", x.requestID),
		slog.String("client", x.client.String()),
		slog.String("method", x.r.Method),
		slog.String("host", x.r.Host),
		slog.String("target", x.r.RequestURI),
		slog.String("protocol", x.r.Proto),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.String("component", x.component),
		slog.String("event_source", x.eventSource),
		slog.String("placement", x.instance),
		slog.Int("tries", x.tries),
		slog.Bool("cold", x.cold),
		slog.Float64("queue_ms", milliseconds(x.waited)),
		slog.Float64("duration_ms", milliseconds(time.Since(x.start))),
		slog.String("reason", string(x.reason)),
	}
	if x.node != "" {
		attrs = append(attrs, slog.String("node", x.node), slog.Int("returned", x.returned), slog.Int("repeats", x.repeats))
	}
	if x.streamed {
		attrs = append(attrs, slog.Bool("stream", true))
	}
	if x.asker != "" {
		attrs = append(attrs, slog.String("forwarded_by", x.asker))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	g.opt.AccessLog.LogAttrs(context.Background(), slog.LevelInfo, "request", attrs...)
}

// warnPace is how often one component may say what is wrong with it: each of
// its requests may meet the same.
const warnPace = time.Second

// warn logs what is wrong with the component, and how often that was not said.
func (d *dispatcher) warn(message string, args ...any) {
	now := time.Now()
	d.mu.Lock()
	quiet := !d.warned.IsZero() && now.Sub(d.warned) < warnPace
	unsaid := d.unsaid
	if quiet {
		d.unsaid++
	} else {
		d.warned, d.unsaid = now, 0
	}
	d.mu.Unlock()
	if !quiet {
		d.g.opt.Logger.With("component", d.name, "unsaid", unsaid).Warn(message, args...)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
