package cluster

import "testing"

func TestPlacedFindsTheVersionOfAPlacement(t *testing.T) {
	kept := &ComponentRow{Version: 4, RestartVersion: 3}
	row := &ComponentRow{Version: 7, RestartVersion: 6, Kept: kept}
	for placed, want := range map[int64]*ComponentRow{2: nil, 3: kept, 4: kept, 5: nil, 6: row, 7: row, 8: nil} {
		if got := row.Placed(placed); got != want {
			t.Errorf("placed at %d: %+v, want %+v", placed, got, want)
		}
	}
	if got := kept.Placed(6); got != nil {
		t.Errorf("what is not kept any more: %+v", got)
	}
}
