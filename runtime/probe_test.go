package runtime

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestATryCutOffBeforeItsConnectionWasRefused(t *testing.T) {
	silent := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			for buf := make([]byte, 1024); ; {
				if _, err := theirs.Read(buf); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
	hanging := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, test := range map[string]struct {
		dial dialFunc
		want probeKind
	}{"no connection": {hanging, probeRefused}, "no answer": {silent, probeSilent}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), dialWithin/2)
			defer cancel()
			err := newProber(test.dial).once(ctx, probe{address: "192.0.2.1:80", path: "/"})
			var failed *probeError
			if !errors.As(err, &failed) || failed.kind != test.want {
				t.Errorf("%s: %v (kind %v), want kind %d", name, err, failed, test.want)
			}
			<-time.After(dialWithin) // what is left ends
		})
	}
}
