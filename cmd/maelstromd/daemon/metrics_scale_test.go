package daemon

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"maelstrom/cluster"
	"maelstrom/cluster/placer"
	"maelstrom/cluster/scheduler"
)

func TestTheHolderTellsHowItScales(t *testing.T) {
	held, looked := true, 0
	m := &scaleMetrics{
		scaling: func() (placer.Scaling, bool) {
			return placer.Scaling{
				Components: map[string]placer.ComponentScaling{
					"shop_web": {Wanted: 3, ForLoad: 2, Lacking: 1, Auto: scheduler.Why{Seconds: 60, Stable: 1.5, Panic: 4, Target: 0.75, Panicking: true}},
					"shop_one": {Wanted: 1, ForLoad: 1},
				},
				Changes:        map[cluster.ScaleCause]placer.Changes{cluster.ScaleLoad: {Up: 5, Down: 2}},
				UnplaceableMiB: 256,
			}, held
		},
		removable: func() []cluster.Removal {
			looked++
			return []cluster.Removal{{ID: "node-1"}, {ID: "node-2", Removable: true}}
		},
	}
	var want strings.Builder
	for _, metric := range []struct{ name, help, kind, values string }{
		{"maelstrom_autoscaler_panic", "1 while a component is scaled by the panic window.", "gauge", `{component="shop_web"} 1`},
		{"maelstrom_concurrency_average", "Requests in flight or queued at a time, by window.", "gauge", `{component="shop_web",window="panic"} 4
{component="shop_web",window="stable"} 1.5`},
		{"maelstrom_concurrency_per_instance", "Requests at a time that each instance is to have.", "gauge", `{component="shop_web"} 0.75`},
		{"maelstrom_instances_unplaceable", "Those of the wanted instances that fit nowhere.", "gauge", `{component="shop_one"} 0
{component="shop_web"} 1`},
		{"maelstrom_instances_wanted", "Instances that a component shall have.", "gauge", `{component="shop_one"} 1
{component="shop_web"} 3`},
		{"maelstrom_instances_wanted_for_load", "Those of them that load asks for.", "gauge", `{component="shop_one"} 1
{component="shop_web"} 2`},
		{"maelstrom_node_removable", "1 for a node that could be taken away without moving anything busy.", "gauge", `{node="node-1"} 0
{node="node-2"} 1`},
		{"maelstrom_scale_changes_total", "Decisions to have more or fewer instances, since the role was taken.", "counter", `{cause="load",direction="down"} 2
{cause="load",direction="up"} 5`},
		{"maelstrom_unplaceable_memory_mib", "Memory of what fits on no node, but would on one more like those that there are.", "gauge", ` 256`},
	} {
		want.WriteString("# HELP " + metric.name + " " + metric.help + " Told by the holder of the role placement.\n# TYPE " + metric.name + " " + metric.kind + "\n")
		for value := range strings.Lines(metric.values + "\n") {
			want.WriteString(metric.name + value)
		}
	}
	for range 2 {
		if err := testutil.CollectAndCompare(m, strings.NewReader(want.String())); err != nil {
			t.Error(err)
		}
	}
	if looked != 1 {
		t.Errorf("looked at all nodes %d times", looked)
	}
	held = false
	if n := testutil.CollectAndCount(m); n != 0 {
		t.Errorf("%d without the role", n)
	}
}
