package rpc

// What the original's methods take and answer.

type origListProjectsInput struct {
	NamePrefix string `json:"namePrefix,omitempty"`
}

type origListProjectsOutput struct {
	Projects []origProjectInfo `json:"projects"`
}

type origProjectInfo struct {
	ProjectName      string `json:"projectName"`
	ComponentCount   int    `json:"componentCount"`
	EventSourceCount int    `json:"eventSourceCount"`
}

type origPutProjectInput struct {
	Project  origProject `json:"project"`
	DiffOnly bool        `json:"diffOnly,omitempty"`
}

type origPutProjectOutput struct {
	Name                string            `json:"name"`
	ComponentsAdded     []origComponent   `json:"componentsAdded"`
	ComponentsUpdated   []origComponent   `json:"componentsUpdated"`
	ComponentsRemoved   []string          `json:"componentsRemoved"`
	EventSourcesAdded   []origEventSource `json:"eventSourcesAdded"`
	EventSourcesUpdated []origEventSource `json:"eventSourcesUpdated"`
	EventSourcesRemoved []string          `json:"eventSourcesRemoved"`
}

type origName struct {
	Name string `json:"name"`
}

type origGetProjectOutput struct {
	Project origProject `json:"project"`
}

type origRemoveOutput struct {
	Name  string `json:"name"`
	Found bool   `json:"found"`
}

type origPutOutput struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

type origPutComponentInput struct {
	Component origComponent `json:"component"`
}

type origGetComponentOutput struct {
	Component origComponent `json:"component"`
}

type origListComponentsInput struct {
	NamePrefix  string `json:"namePrefix,omitempty"`
	ProjectName string `json:"projectName,omitempty"`
	Limit       int    `json:"limit,omitempty"`
	NextToken   string `json:"nextToken,omitempty"`
}

type origListComponentsOutput struct {
	Components []origComponent `json:"components"`
	NextToken  string          `json:"nextToken,omitempty"`
}

type origPutEventSourceInput struct {
	EventSource origEventSource `json:"eventSource"`
}

type origGetEventSourceOutput struct {
	EventSource origEventSource `json:"eventSource"`
}

type origListEventSourcesInput struct {
	NamePrefix      string `json:"namePrefix,omitempty"`
	ComponentName   string `json:"componentName,omitempty"`
	ProjectName     string `json:"projectName,omitempty"`
	EventSourceType string `json:"eventSourceType,omitempty"`
	Limit           int    `json:"limit,omitempty"`
	NextToken       string `json:"nextToken,omitempty"`
}

type origListEventSourcesOutput struct {
	EventSources []origEventSourceWith `json:"eventSources"`
	NextToken    string                `json:"nextToken,omitempty"`
}

type origToggleInput struct {
	Enabled         bool   `json:"enabled"`
	NamePrefix      string `json:"namePrefix,omitempty"`
	ComponentName   string `json:"componentName,omitempty"`
	ProjectName     string `json:"projectName,omitempty"`
	EventSourceType string `json:"eventSourceType,omitempty"`
}

type origToggleOutput struct {
	Enabled          bool     `json:"enabled"`
	EventSourceNames []string `json:"eventSourceNames"`
}

// origEmpty takes anything and answers nothing.
type origEmpty struct{}

type origListNodeStatusInput struct {
	ForceRefresh bool `json:"forceRefresh,omitempty"`
}

type origListNodeStatusOutput struct {
	RespondingNodeID string           `json:"respondingNodeId"`
	Nodes            []origNodeStatus `json:"nodes"`
}

type origGetStatusOutput struct {
	Status origNodeStatus `json:"status"`
}

type origNodeStatus struct {
	NodeID            string                 `json:"nodeId"`
	StartedAt         int64                  `json:"startedAt"`
	ObservedAt        int64                  `json:"observedAt"`
	Version           int64                  `json:"version"`
	PeerURL           string                 `json:"peerUrl"`
	TotalMemoryMiB    int64                  `json:"totalMemoryMiB"`
	FreeMemoryMiB     int64                  `json:"freeMemoryMiB"`
	NumCPUs           int                    `json:"numCPUs"`
	LoadAvg1m         float64                `json:"loadAvg1m"`
	LoadAvg5m         float64                `json:"loadAvg5m"`
	LoadAvg15m        float64                `json:"loadAvg15m"`
	RunningComponents []origRunningComponent `json:"runningComponents"`
}

type origRunningComponent struct {
	ComponentName     string         `json:"componentName"`
	ComponentVersion  int64          `json:"componentVersion"`
	Status            string         `json:"status"`
	MaxConcurrency    int            `json:"maxConcurrency"`
	MemoryReservedMiB int64          `json:"memoryReservedMiB"`
	StartTime         int64          `json:"startTime"`
	LastRequestTime   int64          `json:"lastRequestTime"`
	TotalRequests     int64          `json:"totalRequests"`
	Activity          []origActivity `json:"activity"`
}

type origActivity struct {
	Requests    int64   `json:"requests"`
	Concurrency float64 `json:"concurrency"`
}
