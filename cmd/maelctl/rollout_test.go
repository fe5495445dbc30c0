package main

import (
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func TestInstancesThatAreBehind(t *testing.T) {
	components := []rpc.Component{{Name: "shop_web", Version: 2}}
	instance := func(version int64, state cluster.InstanceState, want cluster.Want) rpc.Instance {
		return rpc.Instance{Component: "shop_web", Version: version, State: string(state), Want: want}
	}
	for name, test := range map[string]struct {
		instances []rpc.Instance
		want      string
	}{
		"asleep":            {nil, ""},
		"new and ready":     {[]rpc.Instance{instance(2, cluster.InstanceReady, cluster.WantRun)}, ""},
		"old beside new":    {[]rpc.Instance{instance(2, cluster.InstanceReady, cluster.WantRun), instance(1, cluster.InstanceReady, cluster.WantRun)}, "shop_web slot 0 still runs version 1"},
		"old on its way":    {[]rpc.Instance{instance(1, cluster.InstanceDraining, cluster.WantStop)}, "shop_web slot 0 still runs version 1"},
		"new starting":      {[]rpc.Instance{instance(2, cluster.InstanceStarting, cluster.WantRun)}, "shop_web slot 0 is starting"},
		"new on its way":    {[]rpc.Instance{instance(2, cluster.InstanceDraining, cluster.WantStop)}, ""},
		"of what was there": {[]rpc.Instance{{Component: "shop_gone", Version: 4, Want: cluster.WantStop}}, "shop_gone slot 0 still runs version 4"},
	} {
		if got := behind(components, test.instances); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
