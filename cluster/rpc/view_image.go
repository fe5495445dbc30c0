package rpc

import (
	"cmp"
	"slices"
)

// images lists what the containers of a component run.
func (v view) images(component string) []RunningImage {
	list := []RunningImage{}
	placements, _ := v.snap.ByComponent.Get(component)
	for _, p := range placements {
		i, reported := v.snap.Instances.Get(p.ID)
		if !reported || i.ImageID == "" {
			continue
		}
		at := slices.IndexFunc(list, func(r RunningImage) bool { return r.ID == i.ImageID && r.Now == i.ImageNow })
		if at < 0 {
			list = append(list, RunningImage{ID: i.ImageID, Now: i.ImageNow})
			at = len(list) - 1
		}
		list[at].Digest = cmp.Or(list[at].Digest, i.ImageDigest)
		list[at].Instances++
	}
	slices.SortStableFunc(list, func(a, b RunningImage) int {
		return cmp.Or(cmp.Compare(b.Instances, a.Instances), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Now, b.Now))
	})
	return list
}
