package rpc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNothingIsToldNotToBeThereBeforeTheFirstSnapshot(t *testing.T) {
	for _, after := range []time.Duration{0, seenWait / 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.ready = make(chan struct{})
			time.AfterFunc(after, func() { close(w.ready) })
			e := w.refuse(codeNotFound, "ProjectService.Get", `{"name":"shop"}`)
			if e.Kind != KindNotFound {
				t.Errorf("ready after %s: %v", after, e)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ready = make(chan struct{})
		_, e := w.try("ProjectService.Get", `{"name":"shop"}`)
		if e == nil || e.Kind != KindUnavailable || !strings.Contains(e.Message, PathReadyz) {
			t.Errorf("never ready: %v, want it to say that the database was not read", e)
		}
		if _, e := w.try("AdminService.TokenList", `{}`); e != nil {
			t.Errorf("never ready: what needs no snapshot: %v", e)
		}
	})
}
