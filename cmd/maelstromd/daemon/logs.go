package daemon

import (
	"context"
	"errors"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
)

// logSource opens the output of this node's containers for the API.
type logSource struct{ daemon *Daemon }

var errStarting = errors.New("the daemon is still starting")

// OpenLog implements rpc.LogOpener.
func (s logSource) OpenLog(ctx context.Context, container string, opt rpc.LogOptions) (rpc.LogStream, error) {
	if s.daemon.agent.Load() == nil {
		return nil, errStarting
	}
	stream, err := s.daemon.driver.Logs(ctx, container, runtime.LogOptions(opt))
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
