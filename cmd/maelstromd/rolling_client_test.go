package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// choice is what a client knows of several nodes that all do. It follows the
// rule of the guide: a node whose health path does not answer 200 gets no new
// requests, and one that takes no connection has got nothing, so that the next
// one is asked.
type choice struct {
	addresses []string
	well      []atomic.Bool
	next      atomic.Int64
}

// choose returns the client's look at some nodes, which it keeps to until the
// test ends.
func choose(t testing.TB, nodes ...*node) *choice {
	c := &choice{well: make([]atomic.Bool, len(nodes))}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i, n := range nodes {
		c.addresses = append(c.addresses, n.publicAddress())
		c.well[i].Store(true)
		all.Go(func() { c.watch(ctx, i) })
	}
	t.Cleanup(func() {
		stop()
		all.Wait()
	})
	return c
}

// watch asks a node how it is, four times a second.
func (c *choice) watch(ctx context.Context, node int) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		answer, err := client.Get("http://" + c.addresses[node] + "/_mael_health_check")
		c.well[node].Store(err == nil && answer.StatusCode == http.StatusOK)
		if err == nil {
			answer.Body.Close()
		}
	}
}

// pick returns the next node that is well; the next one if none is.
func (c *choice) pick() int {
	at := int(c.next.Add(1))
	for i := range c.addresses {
		if node := (at + i) % len(c.addresses); c.well[node].Load() {
			return node
		}
	}
	return at % len(c.addresses)
}

// chosenConns are connections to the nodes of a choice.
type chosenConns struct {
	*choice
	each []exchanger
}

// over returns connections that open makes for each node.
func (c *choice) over(open func(address string) exchanger) chosenConns {
	all := chosenConns{choice: c}
	for _, address := range c.addresses {
		all.each = append(all.each, open(address))
	}
	return all
}

func (c chosenConns) exchange(r *request) (got outcome) {
	const tries = 10
	for range tries {
		node := c.pick()
		if got = c.each[node].exchange(r); !errors.Is(got.err, syscall.ECONNREFUSED) {
			return got
		}
		c.well[node].Store(false)
	}
	return got
}

func (c chosenConns) dialed() (total int64) {
	for _, one := range c.each {
		total += one.dialed()
	}
	return total
}

func (c chosenConns) close() {
	for _, one := range c.each {
		one.close()
	}
}
