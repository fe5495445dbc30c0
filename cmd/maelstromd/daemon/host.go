package daemon

import (
	"bufio"
	"bytes"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"
)

// hostInfo is what this machine has and how busy it is.
type hostInfo struct {
	memoryMiB int64
	cpus      int
	load      [3]float64 // 1, 5 and 15 minutes
}

// readHost reads the machine's figures; what can't be read is zero.
func readHost() hostInfo {
	info := hostInfo{cpus: goruntime.NumCPU()}
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		info.memoryMiB = parseMemTotal(data)
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		info.load = parseLoadAvg(string(data))
	}
	return info
}

func parseMemTotal(data []byte) int64 {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib / 1024
		}
	}
	return 0
}

func parseLoadAvg(text string) (load [3]float64) {
	for i, field := range strings.Fields(text) {
		if i >= len(load) {
			break
		}
		load[i], _ = strconv.ParseFloat(field, 64)
	}
	return load
}
