package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// The figures that `make bench` shows. What is compared is measured in turn,
// A B A B, in one run: the machine's speed drifts, and both drift with it.

const (
	coldRounds  = 20
	proxyRounds = 5
	proxyShare  = 20_000 // requests of a round
	proxyHands  = 32     // connections at a time
	idleTime    = 2 * time.Minute
	idleSettles = 90 * time.Second // what an apply leaves to do, and the heap's return to the system
	sleepers    = 10_000
)

// asProxy makes the test binary a bare reverse proxy to an address.
const asProxy = "TEST_AS_PROXY"

func init() {
	target := os.Getenv(asProxy)
	if target == "" {
		return
	}
	upstream := &url.URL{Scheme: "http", Host: target}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(listener, proxy))
}

// BenchmarkColdStart compares a request to a sleeping component with creating
// and starting a container of the same image until it listens.
func BenchmarkColdStart(b *testing.B) {
	for b.Loop() {
		image := drivertest.BuildImage(b)
		n := newNode(b, "MAEL_LOG_LEVEL=info")
		n.apply(projectOf("cold", web{name: "web", image: image, lines: []string{"maxconcurrency: 20"}}))
		n.bareStart(b, image) // warms the engine up for both
		n.coldRequest(b)
		var differences, bare, through []float64
		for range coldRounds {
			floor, request := n.bareStart(b, image), n.coldRequest(b)
			bare, through = append(bare, floor), append(through, request)
			differences = append(differences, request-floor)
		}
		b.ReportMetric(quantile(bare, 0.5), "ms-bare-p50")
		b.ReportMetric(quantile(through, 0.5), "ms-maelstrom-p50")
		b.ReportMetric(quantile(differences, 0.5), "ms-beyond-p50")
		b.ReportMetric(quantile(differences, 0.99), "ms-beyond-p99")
		b.ReportMetric(0, "ns/op")
		n.cleanUp()
	}
}

// bareStart is the floor: create, start, first connection taken.
func (n *node) bareStart(b *testing.B, image string) (ms float64) {
	b.Helper()
	ctx := context.Background()
	began := time.Now()
	created, err := n.engine.ContainerCreate(ctx, &container.Config{Image: image}, nil, nil, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	defer n.engine.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true})
	if err := n.engine.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		b.Fatal(err)
	}
	found, err := n.engine.ContainerInspect(ctx, created.ID)
	if err != nil {
		b.Fatal(err)
	}
	address := net.JoinHostPort(found.NetworkSettings.Networks["bridge"].IPAddress, "8080")
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
			return milliseconds(time.Since(began))
		}
	}
}

// coldRequest puts the component to sleep and measures the next request.
func (n *node) coldRequest(b *testing.B) (ms float64) {
	b.Helper()
	n.asleep(b, "cold_web")
	began := time.Now()
	n.mustGet("web.localhost", "/")
	return milliseconds(time.Since(began))
}

// asleep puts a component to sleep.
func (n *node) asleep(b *testing.B, component string) {
	b.Helper()
	if _, err := n.client().Sleep(context.Background(), rpc.SleepRequest{Name: component}); err != nil {
		b.Fatal(err)
	}
	n.await("asleep", patience, func() bool { return len(n.ps(component)) == 0 })
}

// BenchmarkForwarding compares the gateway with a bare httputil.ReverseProxy
// in a process of its own, in front of the same container.
func BenchmarkForwarding(b *testing.B) {
	for b.Loop() {
		n := newNode(b, "MAEL_LOG_LEVEL=info")
		n.apply(projectOf("fwd", web{name: "web", image: drivertest.BuildImage(b), lines: []string{"maxconcurrency: 1000"}}))
		n.mustGet("web.localhost", "/")
		upstream := n.ps("fwd_web")[0].Address
		bare := startProxy(b, upstream)
		targets := []target{
			{"httputil", bare.address, bare.pid},
			{"maelstrom", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.public)), n.cmd.Process.Pid},
		}
		rates, added := map[string][]float64{}, map[string][]float64{}
		for range proxyRounds {
			direct := latency(b, upstream)
			for _, t := range targets {
				rates[t.name] = append(rates[t.name], t.requestsPerCPUSecond(b))
				added[t.name] = append(added[t.name], latency(b, t.address)-direct)
			}
		}
		for _, t := range targets {
			b.ReportMetric(quantile(rates[t.name], 0.5), "req/cpu-s-"+t.name)
			b.ReportMetric(1000*quantile(added[t.name], 0.5), "us-added-"+t.name)
		}
		b.ReportMetric(quantile(ratios(rates["maelstrom"], rates["httputil"]), 0.5), "x-httputil")
		b.ReportMetric(0, "ns/op")
		bare.stop()
		n.cleanUp()
	}
}

type bareProxy struct {
	address string
	pid     int
	stop    func()
}

func startProxy(b *testing.B, upstream string) bareProxy {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{asProxy + "=" + upstream}
	input, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var address string
	if _, err := fmt.Fscanln(output, &address); err != nil {
		b.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		input.Close()
		_ = cmd.Wait()
	})
	b.Cleanup(stop)
	return bareProxy{address: address, pid: cmd.Process.Pid, stop: stop}
}

// target is a proxy under test.
type target struct {
	name    string
	address string
	pid     int
}

func (t target) requestsPerCPUSecond(b *testing.B) float64 {
	b.Helper()
	before := cpuSeconds(b, t.pid)
	hammer(b, t.address, proxyHands, proxyShare)
	return proxyShare / (cpuSeconds(b, t.pid) - before)
}

// latency is the median of sequential requests on one connection, in ms.
func latency(b *testing.B, address string) float64 {
	b.Helper()
	return quantile(hammer(b, address, 1, 2000), 0.5)
}

// hammer sends requests on so many connections and returns how long each took.
func hammer(b *testing.B, address string, hands, requests int) []float64 {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: hands}}
	defer client.CloseIdleConnections()
	took := make([][]float64, hands)
	var all sync.WaitGroup
	for hand := range hands {
		all.Go(func() {
			for range requests / hands {
				began := time.Now()
				if err := once(client, address); err != nil {
					b.Error(err)
					return
				}
				took[hand] = append(took[hand], milliseconds(time.Since(began)))
			}
		})
	}
	all.Wait()
	return slices.Concat(took...)
}

func once(client *http.Client, address string) error {
	request, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	request.Host = "web.localhost"
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", address, response.Status)
	}
	return nil
}

// What a daemon may cost at most while ten thousand components sleep, beside a row
// of status a minute and the renewals of its roles.
const (
	idleCore   = 1.0 // percent
	idleMemory = 200 * 1000 * 1000
)

// BenchmarkIdleDaemon shows what a daemon costs while ten thousand components
// sleep: processor, memory and rows written, by table.
func BenchmarkIdleDaemon(b *testing.B) {
	for b.Loop() {
		n := newNode(b, "MAEL_LOG_LEVEL=info")
		for project := range 20 {
			var components []web
			for i := range sleepers / 20 {
				components = append(components, web{name: fmt.Sprintf("c%d-%d", project, i), image: "never-started"})
			}
			n.apply(projectOf(fmt.Sprintf("idle%d", project), components...))
		}
		<-time.After(idleSettles)
		rows, cpu := n.rowsWritten(), cpuSeconds(b, n.cmd.Process.Pid)
		<-time.After(idleTime)
		core, resident := (cpuSeconds(b, n.cmd.Process.Pid)-cpu)/idleTime.Seconds()*100, n.residentNow()
		if core > idleCore || resident > idleMemory {
			b.Errorf("%.2f%% of a core and %d bytes of memory, not at most %.0f%% and %d", core, resident, idleCore, idleMemory)
		}
		b.ReportMetric(core, "%-of-a-core")
		b.ReportMetric(float64(resident)/(1<<20), "MiB")
		b.ReportMetric(float64(n.memory())/(1<<20), "MiB-peak")
		for table, written := range n.rowsWritten() {
			if written -= rows[table]; written > 0 {
				if minutes := idleTime.Minutes(); table != "mael_lease" && (table != "mael_node" || written > minutes+1) {
					b.Errorf("%.0f rows of %s in %.0f minutes", written, table, minutes)
				}
				b.ReportMetric(written/idleTime.Minutes(), table+"-rows/min")
			}
		}
		b.ReportMetric(0, "ns/op")
		n.cleanUp()
	}
}

// rowsWritten is what the daemon has written to its database so far, by table.
func (n *node) rowsWritten() map[string]float64 {
	n.t.Helper()
	response, err := http.Get(n.privateURL("/metrics"))
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	rows := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		table, ok := strings.CutPrefix(line, `maelstrom_store_rows_written_total{table="`)
		if !ok {
			continue
		}
		table, count, _ := strings.Cut(table, `"} `)
		value, err := strconv.ParseFloat(strings.TrimSpace(count), 64)
		if err != nil {
			n.t.Fatal(err)
		}
		rows[table] = value
	}
	return rows
}

// cpuSeconds is the processor time that a process has used so far.
func cpuSeconds(b *testing.B, pid int) float64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	const ticks = 100 // a second, on every Linux
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, userErr := strconv.ParseFloat(fields[11], 64)
	system, systemErr := strconv.ParseFloat(fields[12], 64)
	if err := cmp.Or(userErr, systemErr); err != nil {
		b.Fatal(err)
	}
	return (user + system) / ticks
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile is the value below which so large a part of the values lies.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Round(q*float64(len(sorted)-1)))]
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func sum(values map[string]float64) (all float64) {
	for _, v := range values {
		all += v
	}
	return all
}
