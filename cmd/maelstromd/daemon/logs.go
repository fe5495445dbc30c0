package daemon

import (
	"context"
	"errors"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/logring"
)

// logSource opens the output of this node's containers for the API, where it
// is not kept.
type logSource struct{ daemon *Daemon }

var errStarting = errors.New("the daemon is still starting")

// OpenLog implements rpc.LogOpener.
func (s logSource) OpenLog(ctx context.Context, container string, opt rpc.LogOptions) (rpc.LogStream, error) {
	if s.daemon.agent.Load() == nil {
		return nil, errStarting
	}
	stream, err := s.daemon.driver.Logs(ctx, container, runtime.LogOptions{Follow: opt.Follow, Since: opt.Since, Tail: opt.Tail})
	if errors.Is(err, runtime.ErrLogUnreadable) {
		return rpc.NoticeStream(runtime.UnreadableMessage("")), nil
	}
	if err != nil {
		return nil, err
	}
	return logStream{stream}, nil
}

type logStream struct{ runtime.LogStream }

func (s logStream) Next() (rpc.LogLine, error) {
	line, err := s.LogStream.Next()
	return rpc.LogLine(line), err
}

// LogRing says how much output of each component is kept; not any if either
// is 0.
type LogRing struct {
	MiB  int64
	Days int
}

// openRings opens what keeps the output of containers, or leaves it nil.
func (d *Daemon) openRings() error {
	if d.opt.LogRing.MiB == 0 || d.opt.LogRing.Days == 0 {
		return nil
	}
	rings, err := logring.Open(d.dir.logs(), logring.Options{
		Cap:    d.opt.LogRing.MiB << 20,
		Age:    time.Duration(d.opt.LogRing.Days) * 24 * time.Hour,
		Logger: d.part("logs"),
	})
	d.rings = rings
	return err
}

// kept is nil if output is not kept.
func (d *Daemon) kept() rpc.LogKeeper {
	if d.rings == nil {
		return nil
	}
	return keptLogs{d.rings}
}

// keptLogs shows the API what the rings hold.
type keptLogs struct{ rings *logring.Store }

// KeptComponents implements rpc.LogKeeper.
func (k keptLogs) KeptComponents() ([]string, error) { return k.rings.Names() }

// OpenKept implements rpc.LogKeeper.
func (k keptLogs) OpenKept(component string, opt rpc.KeptOptions) (rpc.KeptStream, error) {
	ring, err := k.rings.Ring(component)
	if err != nil {
		return nil, err
	}
	reader, err := ring.Read(logring.Query{
		Since: opt.Since, Until: opt.Until, Tail: opt.Tail, Each: opt.Containers != nil, Only: opt.Containers,
	})
	if err != nil {
		return nil, err
	}
	return keptStream{reader}, nil
}

type keptStream struct{ reader *logring.Reader }

var streamNames = map[logring.Stream]string{
	logring.Stdout: "stdout", logring.Stderr: "stderr", logring.Notice: rpc.StreamNotice,
}

func (s keptStream) Next() (rpc.KeptLine, error) {
	entry, err := s.reader.Next()
	if err != nil {
		return rpc.KeptLine{}, err
	}
	return rpc.KeptLine{
		LogLine:   rpc.LogLine{Time: entry.Time, Stream: streamNames[entry.Stream], Text: entry.Text},
		Container: entry.Source.Container,
		Instance:  entry.Source.Instance,
		Version:   entry.Source.Version,
	}, nil
}

func (s keptStream) Wait(ctx context.Context) error { return s.reader.Wait(ctx) }

func (s keptStream) Close() error {
	s.reader.Close()
	return nil
}
