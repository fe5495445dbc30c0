package project

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func paths(problems []Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Rule+" "+p.Path)
	}
	return strings.Join(out, "\n")
}

func TestValidateComponent(t *testing.T) {
	good := Component{Name: "web", Project: "shop", Image: "nginx"}
	if got := ValidateComponent(&good); len(got) > 0 {
		t.Error(got)
	}
	bad := Component{
		Name: "a.b", Project: strings.Repeat("p", 20), HTTPPort: 70000, MinInstances: 2, MaxInstances: 1,
		Environment: []EnvVar{{Name: "A", Value: "b"}, {Name: "", Value: "c"}, {Name: "MAELSTROM_X", Value: "d"}},
		Volumes:     []Volume{{Source: "x", Target: "/y"}},
		Ports:       []string{"x"},
	}
	want := `MAEL019 name
MAEL026 environment[1]
MAEL028 environment[2]
MAEL010 image
MAEL022 httpport
MAEL037 volumes[0].source
MAEL034 ports[0]
MAEL023 mininstances`
	if diff := cmp.Diff(want, paths(ValidateComponent(&bad))); diff != "" {
		t.Error(diff)
	}
}

func TestValidateEventSource(t *testing.T) {
	good := EventSource{Name: "web", Project: "shop", Component: "shop_web", HTTP: &HTTPSource{Hostname: "a"}}
	if got := ValidateEventSource(&good); len(got) > 0 {
		t.Error(got)
	}
	bad := EventSource{
		Name: "", HTTP: &HTTPSource{},
		Cron: &CronSource{Schedule: "x", HTTP: CronHTTP{Method: "GET", Path: "x", Headers: []Header{{Value: "x"}}}},
	}
	want := `MAEL019 name
MAEL010 component
MAEL042 
MAEL010 http.hostname
MAEL044 cron.schedule
MAEL040 cron.http.path
MAEL010 cron.http.headers[0].name`
	if diff := cmp.Diff(want, paths(ValidateEventSource(&bad))); diff != "" {
		t.Error(diff)
	}
}

func TestContainerEnvironment(t *testing.T) {
	c := Component{Name: "shop_web", Project: "shop", Environment: []EnvVar{{"Z", "1"}, {"A", "2"}, {"MAELSTROM_COMPONENT_NAME", "forged"}}}
	want := []EnvVar{
		{"A", "2"},
		{"MAELSTROM_COMPONENT_NAME", "shop_web"},
		{"MAELSTROM_COMPONENT_VERSION", "7"},
		{"MAELSTROM_PRIVATE_URL", "http://172.17.0.1:8374"},
		{"MAELSTROM_PROJECT_NAME", "shop"},
		{"Z", "1"},
	}
	if diff := cmp.Diff(want, ContainerEnvironment(&c, 7, "http://172.17.0.1:8374")); diff != "" {
		t.Error(diff)
	}
}

func TestPositionsPointToTheFileOfEachValue(t *testing.T) {
	loaded := loadFile(t, "testdata/good/overlay.yml")
	for key, want := range map[string]Position{
		"name":                                  {"overlay.yml", 1, 7},
		"components.shop_web":                   {"overlay.yml", 4, 3},
		"components.shop_web.maxconcurrency":    {"overlay.yml", 6, 21},
		"components.shop_web.image":             {"overlay.overlay.yaml", 5, 12},
		"components.shop_web.environment.A":     {"overlay.overlay.yaml", 1, 15},
		"components.shop_extra.image":           {"overlay.overlay.yaml", 11, 12},
		"eventsources.shop_one.http.hostname":   {"overlay.yml", 9, 30},
		"eventsources.shop_one.http.pathprefix": {},
	} {
		if got := loaded.Positions[key]; got != want {
			t.Errorf("%s stands at %v, want %v", key, got, want)
		}
	}
	full := loadFile(t, "testdata/good/full.yml")
	for key, line := range map[string]int{
		"components.shop_web.environment.FROM_FILE":                2, // of the envfile
		"components.shop_web.environment.SHARED":                   6,
		"components.shop_web.environment.MODE":                     14,
		"components.shop_web.volumes./cache":                       49,
		"components.shop_web.command.1":                            11,
		"components.shop_web.logdriveroptions.max-file":            46,
		"components.shop_web.ulimits.nofile":                       56,
		"eventsources.shop_web-cron-1":                             82,
		"eventsources.shop_report.cron.http.headers.Authorization": 98,
	} {
		if got := full.Positions[key]; got.Line != line {
			t.Errorf("%s stands at %v, want line %d", key, got, line)
		}
	}
}
