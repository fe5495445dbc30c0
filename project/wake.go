package project

// WakeRule names requests that may not wake a component that is asleep, and do
// not keep one awake. A request meets a rule if it meets each of its parts that
// is set, and a list if it meets one of its entries.
type WakeRule struct {
	Paths   []string `json:"paths,omitempty"`   // exact, or a prefix where it ends in *
	Methods []string `json:"methods,omitempty"` // upper case
	Agents  []string `json:"agents,omitempty"`  // parts of the User-Agent, in any letter case
	Sources []string `json:"sources,omitempty"` // addresses or networks of clients

	// Monitors is met by what says of itself that it is a known monitor or
	// crawler.
	Monitors bool `json:"monitors,omitempty"`

	// Answer is the status of the answer while the component is asleep; 0: 200.
	Answer int `json:"answer,omitempty"`
}

// AwakeWindow is a span of time in which a component has a minimum of
// instances, begun at each time of a cron schedule.
type AwakeWindow struct {
	Cron       string `json:"cron"`          // in the time zone of crons, or with TZ= of its own
	ForSeconds int    `json:"for"`           // how long
	Min        int    `json:"min,omitempty"` // 0: 1
}
