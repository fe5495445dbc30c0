package cluster

// Removal tells whether a node could be taken away, by itself, without moving
// anything that is busy.
type Removal struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Removable bool   `json:"removable"`
	Why       string `json:"why"`        // it is, or is not
	Instances int    `json:"instances"`  // that would move
	MemoryMiB int64  `json:"memory_mib"` // of them
}
