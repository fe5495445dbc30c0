package daemon

import (
	"fmt"
	"testing"
)

// Histories that have failed once, by what they found. Their steps are those of
// before as long as nobody changes what a seed stands for.
func TestHistoriesOfClustersThatFailed(t *testing.T) {
	for _, one := range []struct {
		found string
		seed  uint64
	}{
		{"a kill ends all that runs", 1},
		{"a stop ends the watch of isolation", 15},
		{"a request is sent to a node that freezes", 36},
		{"an answer that has begun comes from a node that freezes", 2082},
		{"connections break where packets take long", 2100},
		{"a request is sent to a node that has just frozen", 2137},
		{"a request is sent to a node that has just been killed", 2169},
		{"nothing is placed any more after the faults", 2140},
		{"a start that joins later is not taken for another one", 2398},
		{"a node that starts holds requests beyond their own limit", 58},
		{"two ask at once why something can't be placed", 3080},
		{"a container is killed with requests of another node in it", 3603},
		{"what died while its daemon and its engine were away is started again", 3941},
	} {
		t.Run(fmt.Sprintf("%s, seed=%d", one.found, one.seed), func(t *testing.T) {
			t.Parallel()
			runClusterSeed(t, one.seed, 30)
		})
	}
}
