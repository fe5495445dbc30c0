package drivertest

import (
	"errors"
	"strings"
	"testing"

	"maelstrom/runtime"
)

func testMemoryUse(t *testing.T, h Harness) {
	c := start(t, h, Serves)
	use, err := h.Driver.MemoryUse(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if use <= 0 || use > 1<<30 {
		t.Errorf("a small program has %d bytes in memory", use)
	}
	if _, err := h.Driver.MemoryUse(t.Context(), strings.Repeat("0", 64)); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("of a container that there is not: %v", err)
	}
	if err := h.Driver.Stop(t.Context(), c.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Driver.MemoryUse(t.Context(), c.ID); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("of a container that is gone: %v", err)
	}
}
