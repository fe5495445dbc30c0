package roles

import (
	"math/rand/v2"
	"testing"
	"time"

	"maelstrom/cluster"
)

func neverTwoAtOnce(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	a, shared := newActing(t), newTable()
	nodes := make([]*node, 3)
	for i, name := range []string{"a", "b", "c"} {
		nodes[i] = &node{table: shared}
		run(t, nodes[i], Options{Node: name}, a.untilLost)
		wait(time.Duration(random.IntN(300)) * time.Millisecond)
	}
	thaw := make(chan struct{})
	for range 200 {
		wait(time.Duration(random.IntN(3000)) * time.Millisecond)
		n := nodes[random.IntN(len(nodes))]
		switch random.IntN(4) {
		case 0:
			n.set(func() { n.away = true })
		case 1:
			n.set(func() { n.frozen = thaw })
		case 2:
			n.set(func() { n.away, n.frozen = false, nil })
		case 3:
			close(thaw)
			thaw = make(chan struct{})
			for _, n := range nodes {
				n.set(func() { n.frozen = nil })
			}
		}
	}
	close(thaw)
	for _, n := range nodes {
		n.set(func() { n.away, n.frozen = false, nil })
	}
	wait(10 * time.Second)
	if a.holder(cluster.RolePlacement) == "" {
		t.Fatal("nobody acts though all is well")
	}
}
