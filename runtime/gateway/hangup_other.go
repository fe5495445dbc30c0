//go:build !linux

package gateway

import "net/http"

// watchHangup watches nothing: the queue keeps the request until its turn.
func watchHangup(*http.Request) (gone <-chan struct{}, stop func()) { return nil, func() {} }
