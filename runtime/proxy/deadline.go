package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// GRPCTimeout returns the time that a gRPC client allows, if it says so.
func GRPCTimeout(h http.Header) (time.Duration, bool) {
	values := h["Grpc-Timeout"]
	if len(values) != 1 || !strings.HasPrefix(h.Get("Content-Type"), "application/grpc") {
		return 0, false
	}
	text := values[0]
	if len(text) < 2 || len(text) > 9 { // at most eight digits and a unit
		return 0, false
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	unit, known := grpcUnits[text[len(text)-1]]
	if err != nil || !known {
		return 0, false
	}
	if unit == time.Hour {
		n = min(n, 1e6) // the rest would not fit a duration, and is for ever
	}
	return time.Duration(n) * unit, true
}

var grpcUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}
