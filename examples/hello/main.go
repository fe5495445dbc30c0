// Command hello answers every request with a greeting. It is the smallest
// thing that maelstrom can run: one static binary, one port.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, ":8080"); err != nil {
		log.Fatal(err)
	}
}

// serve answers until ctx ends, then finishes what is in flight.
func serve(ctx context.Context, address string) error {
	server := &http.Server{Addr: address, Handler: greeter(time.Now()), ReadHeaderTimeout: 10 * time.Second}
	finished := make(chan error, 1)
	context.AfterFunc(ctx, func() { finished <- server.Shutdown(context.Background()) })
	log.Printf("listening on %s", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-finished
}

func greeter(started time.Time) http.Handler {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "somewhere"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s %s", r.Method, r.URL)
		fmt.Fprintf(w, "Hello from container %s, version %s of %s, started %s ago.\n",
			hostname, os.Getenv("MAELSTROM_COMPONENT_VERSION"), os.Getenv("MAELSTROM_COMPONENT_NAME"),
			time.Since(started).Round(time.Millisecond))
	})
}
