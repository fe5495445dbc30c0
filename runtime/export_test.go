package runtime

import (
	"context"
	"log/slog"

	"maelstrom/runtime/logring"
)

// Collect reads the output of a container that has ended into a ring.
func Collect(ctx context.Context, driver Driver, container string, ring *logring.Writer) {
	newCollector(driver, container, collectorOptions{Ring: ring, Logger: slog.New(slog.DiscardHandler)}).run(ctx)
}
