//go:build !linux

package gateway

import (
	"context"
	"net"
	"net/http"
)

func withConn(ctx context.Context, _ net.Conn) context.Context { return ctx }

// watchHangup watches nothing: the queue keeps the request until its turn.
func watchHangup(*http.Request) (gone <-chan struct{}, stop func()) { return nil, func() {} }
