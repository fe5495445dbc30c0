package route

import (
	"fmt"
	"testing"
)

const manyHosts = 100_000

func manyRules() []Rule {
	rules := make([]Rule, 0, manyHosts)
	for i := range manyHosts {
		rules = append(rules, source(fmt.Sprintf("p%d_web-http", i), fmt.Sprintf("host-%d.example.com", i), "/"))
	}
	return append(rules, source("wild", "*.wild.example.com", ""), source("any", "", "/shared"))
}

var lookups = []struct{ name, host, path string }{
	{"exact", "host-4711.example.com", "/index.html"},
	{"port and letter case", "Host-4711.Example.com.:8080", "/index.html"},
	{"escapes", "host-4711.example.com", "/caf%C3%A9/%20x"},
	{"wildcard", "a.b.wild.example.com", "/x"},
	{"any host", "unknown.example.org", "/shared/x"},
	{"none", "unknown.example.org", "/x"},
	{"address", "[2001:db8::1]:80", "/shared"},
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := New(manyRules())
	for _, l := range lookups {
		if n := testing.AllocsPerRun(100, func() { table.Match(l.host, l.path) }); n != 0 {
			t.Errorf("%s: %v allocations", l.name, n)
		}
	}
}

// A change copies what it touches: its cost must not grow with the table.
func TestChangeCostsLittle(t *testing.T) {
	cost := func(table *Table) float64 {
		put := []Rule{source("new", "new.example.com", "/")}
		return testing.AllocsPerRun(20, func() { table.With(put, []string{"p7_web-http"}) })
	}
	small, large := cost(New(manyRules()[:2000])), cost(New(manyRules()))
	if large > 2*small+20 {
		t.Errorf("a change in %d hosts costs %v allocations, in 2000 hosts %v", manyHosts, large, small)
	}
}

func BenchmarkMatch(b *testing.B) {
	table := New(manyRules())
	for _, l := range lookups {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Match(l.host, l.path)
			}
		})
	}
	hosts := make([]string, 1<<14)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("host-%d.example.com", i*7919%manyHosts)
	}
	b.Run("spread over all hosts", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			table.Match(hosts[i%len(hosts)], "/index.html")
		}
	})
}

func BenchmarkWith(b *testing.B) {
	table := New(manyRules())
	put := []Rule{source("new", "new.example.com", "/")}
	b.ReportAllocs()
	for b.Loop() {
		table.With(put, nil)
	}
}

func BenchmarkNew(b *testing.B) {
	rules := manyRules()
	b.ReportAllocs()
	for b.Loop() {
		New(rules)
	}
}
