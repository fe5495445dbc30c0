package project

import (
	"fmt"
	"strings"
	"testing"
)

// benchFile is a project of 20 components as people write them.
func benchFile(name string) []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "name: %s\nenvironment:\n  - LOG=info\n  - REGION=${REGION:-eu}\ncomponents:\n", name)
	for i := range 20 {
		fmt.Fprintf(&out, `  web%d:
    image: registry.example.com/shop/web:${TAG}
    command: [serve, --port, "8080"]
    environment:
      - DB_URL=postgres://db.example.com/shop
      - CACHE=redis:6379
    maxconcurrency: 20
    mininstances: 1
    maxinstances: 4
    reservememory: 256
    httphealthcheckpath: /healthz
    volumes:
      - {source: /srv/data, target: /data, readonly: true}
    crontab: |
      # nightly
      0 3 * * * /nightly
    eventsources:
      web%d-http:
        http:
          hostname: web%d.%s.example.com
          pathprefix: /
`, i, i, i, name)
	}
	return []byte(out.String())
}

func BenchmarkLoadFile(b *testing.B) {
	in := Input{File: "maelstrom.yml", Data: benchFile("shop"), Lookup: testLookup}
	if loaded := Load(in); loaded.Project == nil {
		b.Fatal(problemText(loaded.Problems))
	}
	b.SetBytes(int64(len(in.Data)))
	b.ReportAllocs()
	for b.Loop() {
		Load(in)
	}
}

// BenchmarkValidate10000Components loads 500 files and looks for conflicts
// between them.
func BenchmarkValidate10000Components(b *testing.B) {
	inputs := make([]Input, 500)
	for i := range inputs {
		name := fmt.Sprintf("p%d", i)
		inputs[i] = Input{File: name + ".yml", Data: benchFile(name), Lookup: testLookup}
	}
	b.ReportAllocs()
	for b.Loop() {
		loaded := make([]Loaded, len(inputs))
		for i, in := range inputs {
			loaded[i] = Load(in)
		}
		if problems := Conflicts(loaded); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
}
