package project

import "testing"

// What has a limit stops where it is cut off, unless it says otherwise.
func TestWhatACutOffNodeDoes(t *testing.T) {
	for _, c := range []struct {
		written Component
		want    OnDisconnect
	}{
		{Component{}, DisconnectKeep},
		{Component{MaxInstancesPerNode: 1}, DisconnectKeep},
		{Component{MaxInstances: 3}, DisconnectStop},
		{Component{MaxInstances: 3, OnDisconnect: DisconnectKeep}, DisconnectKeep},
		{Component{OnDisconnect: DisconnectStop}, DisconnectStop},
	} {
		if got := c.written.Effective().OnDisconnect; got != c.want {
			t.Errorf("%+v: %s, want %s", c.written, got, c.want)
		}
	}
}
