package cluster

// Explanation tells where a component runs and can run, and why.
type Explanation struct {
	Component string `json:"component"`
	Version   int64  `json:"version"`    // that the next instance is of
	MemoryMiB int64  `json:"memory_mib"` // reserved for each

	// ObservedMiB is what an instance has in use for 95 percent of the time; 0:
	// not known yet. The larger of the two counts.
	ObservedMiB int64 `json:"observed_mib"`

	Placement string            `json:"placement"` // spread or pack
	Labels    map[string]string `json:"labels"`    // that its nodes must have
	Target    int               `json:"target"`    // how many instances it shall have now
	Limit     int               `json:"limit"`     // how many it may have; 0: any number

	// Refusal says why one more instance fits nowhere; empty: it does fit, or
	// will once what leaves has left, or idle instances have made room for it.
	Refusal string `json:"refusal"`

	Scale ScaleExplanation `json:"scale"`

	Idle *HabitExplanation `json:"idle"` // nil: it sleeps after idletimeoutseconds

	Nodes     []NodeExplanation     `json:"nodes"`     // the best one first
	Instances []InstanceExplanation `json:"instances"` // by slot
}

// NodeExplanation tells whether one more instance of a component fits on a node.
type NodeExplanation struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	State     NodeState  `json:"state"`
	Fits      bool       `json:"fits"`       // now
	Obstacles []Obstacle `json:"obstacles"`  // why not; none where it fits
	MakesRoom []string   `json:"makes_room"` // components whose idle instances would stop for it
	Instances int        `json:"instances"`  // of the component that are placed there
	FreeMiB   int64      `json:"free_mib"`
	TotalMiB  int64      `json:"total_mib"`

	Score PlacementScore `json:"score"`
}

// Obstacle is one reason why a node can't take an instance.
type Obstacle struct {
	Reason  Reason `json:"reason"`
	Text    string `json:"text"`    // follows the node's name
	Change  string `json:"change"`  // what does away with it; empty: nothing that anybody sets
	Passing bool   `json:"passing"` // it goes away by itself: when what leaves has left, or idle instances have made room
}

// PlacementScore is how well a node suits one more instance of a component, by
// what adds up to Total. It is zero for a node that runs nothing.
type PlacementScore struct {
	Fit    float64 `json:"fit"`    // how full the node would be, or how empty with spread; 0 to 1
	Share  float64 `json:"share"`  // less for each instance that is there already
	Image  float64 `json:"image"`  // more where the image is
	Asked  float64 `json:"asked"`  // more where the request is
	Failed float64 `json:"failed"` // less where it failed within minutes
	Total  float64 `json:"total"`
}

// InstanceExplanation tells why an instance is where it is.
type InstanceExplanation struct {
	Placement string `json:"placement"`
	Slot      int    `json:"slot"`
	Node      string `json:"node"`
	NodeName  string `json:"node_name"`
	Version   int64  `json:"version"`
	Want      Want   `json:"want"`
	State     string `json:"state"` // empty until its node reports it
	Why       string `json:"why"`
}
