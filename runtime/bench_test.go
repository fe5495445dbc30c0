package runtime_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"crypto/rand"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/docker"
	"maelstrom/runtime/drivertest"
	"maelstrom/runtime/logring"
)

const floodMB = 100

// BenchmarkLogRing compares what it takes to keep the output of a container
// that writes as fast as it can with only reading it from the engine.
func BenchmarkLogRing(b *testing.B) {
	driver, id := flooded(b)
	dir := b.TempDir()
	ways := map[string]func(){
		"read": func() { readThrough(b, driver, id) },
		"keep": func() {
			rings, err := logring.Open(dir, logring.Options{Cap: 20 << 20, Age: 24 * time.Hour})
			if err != nil {
				b.Fatal(err)
			}
			ring, err := rings.Ring("bench_" + strings.ToLower(rand.Text())) // an empty one: all is new
			if err != nil {
				b.Fatal(err)
			}
			w, err := ring.Writer(logring.Source{Container: id})
			if err != nil {
				b.Fatal(err)
			}
			runtime.Collect(b.Context(), driver, id, w)
		},
	}
	took, cpu := map[string]time.Duration{}, map[string]time.Duration{}
	rounds := 0
	for b.Loop() {
		rounds++
		for _, way := range []string{"read", "keep"} {
			began, used := time.Now(), processorTime(b)
			ways[way]()
			took[way] += time.Since(began)
			cpu[way] += processorTime(b) - used
		}
	}
	for _, way := range []string{"read", "keep"} {
		b.ReportMetric(float64(floodMB*rounds)/took[way].Seconds(), "MB/s-"+way)
		b.ReportMetric(float64(cpu[way].Milliseconds())/float64(floodMB*rounds)*100, "cpu-ms/100MB-"+way)
	}
	b.ReportMetric(0, "ns/op")
}

// flooded is a container that has written all that it will.
func flooded(b *testing.B) (*docker.Driver, string) {
	b.Helper()
	driver, err := docker.New(docker.Options{ClusterID: strings.ToLower(rand.Text()), Node: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	c := project.Component{
		Name: "bench_flood", Project: "bench", Image: drivertest.BuildImage(b),
		Environment:      []project.EnvVar{{Name: "FLOOD_MB", Value: strconv.Itoa(floodMB)}, {Name: "EXIT_CODE", Value: "0"}},
		LogDriver:        "json-file",
		LogDriverOptions: map[string]string{"max-size": "1g"},
	}
	effective := c.Effective()
	started, err := driver.Start(b.Context(), drivertest.SpecOf(&effective))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := driver.Stop(context.Background(), started.ID, 0); err != nil {
			b.Error(err)
		}
		_ = driver.Close() // nothing is left to do with it
	})
	readThrough(b, driver, started.ID)
	return driver, started.ID
}

// readThrough follows a container's output to its end.
func readThrough(b *testing.B, driver runtime.Driver, id string) {
	b.Helper()
	log, err := driver.Logs(b.Context(), id, runtime.LogOptions{Follow: true})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	for {
		if _, err := log.Next(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
