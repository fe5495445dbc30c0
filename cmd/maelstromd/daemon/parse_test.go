package daemon

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// values makes a map of variables that is valid wherever the test runs.
func values(pairs ...string) map[string]string {
	v := map[string]string{"MAEL_DATA_DIR": "/data"}
	for i := 0; i < len(pairs); i += 2 {
		v[pairs[i]] = pairs[i+1]
	}
	return v
}

// testKey is as short as a cluster key may be.
var testKey = strings.Repeat("ß", 32)

func TestEverySettingTakesAGoodValue(t *testing.T) {
	good := map[string]string{
		"DATA_DIR": "/data", "SQL_DRIVER": "sqlite3", "SQL_DSN": "/data/x.db",
		"PUBLIC_ADDR": "127.0.0.1", "PUBLIC_PORT": "8080", "PUBLIC_HTTPS_PORT": "8443", "PRIVATE_PORT": "9000",
		"PEER_ADDR": ":8376", "PEER_ADVERTISE": "node1.example:443", "CLUSTER_KEY": testKey,
		"API_TOKEN": "0123456789abcdef", "DOCKER_HOST": "unix:///run/docker.sock", "TOTAL_MEMORY": "0", "NODE_LABELS": "disk=ssd, zone=eu/1",
		"CRON_TZ": "Europe/Berlin", "ON_EXIT": "stop", "SHUTDOWN_PAUSE_SECONDS": "5",
		"HTTP_READ_TIMEOUT": "10", "HTTP_WRITE_TIMEOUT": "10", "HTTP_IDLE_TIMEOUT": "10",
		"TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1", "LOG_RING_MIB": "0", "LOG_RING_DAYS": "30", "ACCESS_LOG": "true", "LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG",
		"SOURCES": "/etc/maelstrom/sources.yml", "HOOK_ADDR": "127.0.0.1:8375", "SOURCE_NETWORKS": "10.0.0.0/8, 192.0.2.1",
		"SERVICE_NAMES": "off", "SERVICE_NAMES_UPSTREAM": "10.0.0.53, 127.0.0.1:5353",
		"PPROF": "1", "CPU_PROFILE_FILENAME": "/tmp/cpu", "INSTANCE_ID": "i-1", "TERMINATE_COMMAND": "poweroff",
		"AWS_TERMINATE_QUEUE_URL": "https://queue", "AWS_TERMINATE_MAX_AGE_SECONDS": "600",
		"AWS_SPOT_TERMINATE_POLL_SECONDS": "2", "DOCKER_PRUNE_MINUTES": "10", "DOCKER_PRUNE_UNREG_IMAGES": "true",
		"DOCKER_PRUNE_UNREG_KEEP": "a*, b", "DOCKER_CONFIG": "/etc/docker", "PULL_COMMAND": "true", "DISK_GUARD_PERCENT": "90", "CRON_REFRESH_SECONDS": "60", "NODE_LIVENESS_SECONDS": "300", "LOG_GC_SECONDS": "60",
	}
	settings := Settings()
	if len(good) != len(settings) {
		t.Errorf("%d values for %d settings", len(good), len(settings))
	}
	for _, s := range settings {
		value, ok := good[s.Name]
		if !ok {
			t.Errorf("no value for %s", s.Name)
			continue
		}
		_, warnings, err := applySettings(settings, values("MAEL_CLUSTER_KEY", testKey, s.Variable(), value))
		if err != nil {
			t.Errorf("%s=%s: %v", s.Name, value, err)
		}
		if got := len(warnings) > 0; got != (s.Unused != "") {
			t.Errorf("%s=%s: warnings %q, unused %q", s.Name, value, warnings, s.Unused)
		}
	}
}

func TestMistakesAreReportedAllAtOnce(t *testing.T) {
	bad := []string{
		"MAEL_PUBLIC_PORT", "70000",
		"MAEL_PRIVATE_PORT", "0",
		"MAEL_SQL_DRIVER", "oracle",
		"MAEL_TOTAL_MEMORY", "-2",
		"MAEL_NODE_LABELS", "disk",
		"MAEL_SERVICE_NAMES", "maybe",
		"MAEL_SERVICE_NAMES_UPSTREAM", "10.0.0.53:x",
		"MAEL_CRON_TZ", "Local",
		"MAEL_ON_EXIT", "explode",
		"MAEL_SHUTDOWN_PAUSE_SECONDS", "-1",
		"MAEL_TRUSTED_PROXIES", "10.0.0.0/33",
		"MAEL_PPROF", "perhaps",
		"MAEL_API_TOKEN", "short",
		"MAEL_DOCKER_PRUNE_MINUTES", "1.5",
		"MAEL_DISK_GUARD_PERCENT", "101", "MAEL_LOG_RING_MIB", "-1", "MAEL_LOG_RING_DAYS", "week",
		"MAEL_LOG_LEVEL", "loud",
		"MAEL_PUBLIC_ADDR", "localhost",
		"MAEL_HOOK_ADDR", "8375",
		"MAEL_SOURCE_NETWORKS", "everywhere",
		"MAEL_PEER_ADDR", "10.0.0.5",
		"MAEL_PEER_ADVERTISE", "https://10.0.0.5:8376",
		"MAEL_CLUSTER_KEY", "short" + strings.Repeat("k", 26),
	}
	_, _, err := applySettings(Settings(), values(bad...))
	if err == nil {
		t.Fatal("no error")
	}
	for i := 0; i < len(bad); i += 2 {
		if !strings.Contains(err.Error(), bad[i]+":") {
			t.Errorf("%s is not named in:\n%v", bad[i], err)
		}
	}
	if strings.Contains(err.Error(), "short") {
		t.Errorf("the token is shown: %v", err)
	}
}

func TestSettingsThatContradictEachOther(t *testing.T) {
	tests := map[string][]string{
		"MAEL_PUBLIC_PORT and MAEL_PRIVATE_PORT": {"MAEL_PUBLIC_PORT", "8374"},
		"MAEL_SQL_DSN":                           {"MAEL_SQL_DRIVER", "postgres"},
		"MAEL_CLUSTER_KEY":                       {"MAEL_PEER_ADDR", ":8376"},
	}
	for want, pairs := range tests {
		if _, _, err := applySettings(Settings(), values(pairs...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", pairs, err, want)
		}
	}
}

func TestUnknownVariableIsNamedWithTheNearest(t *testing.T) {
	_, warnings, err := applySettings(Settings(), values("MAEL_SHUTDOWNPAUSESECONDS", "3", "MAEL_COLOUR", "red"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(warnings, "\n")
	for _, want := range []string{"did you mean MAEL_SHUTDOWN_PAUSE_SECONDS?", "MAEL_COLOUR is not a setting"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
}

func TestFlagBeforeEnvFileBeforeEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	content := "# settings\nMAEL_PUBLIC_PORT=2\nexport MAEL_PRIVATE_PORT=\"2002\"\r\nMAEL_DATA_DIR=/from-file\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAEL_PUBLIC_PORT", "1")
	t.Setenv("MAEL_PRIVATE_PORT", "1001")
	t.Setenv("MAEL_HTTP_IDLE_TIMEOUT", "7")
	opt, _, err := ParseOptions([]string{"-f", file, "--public-port=3"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if opt.PublicPort != 3 || opt.PrivatePort != 2002 || opt.DataDir != "/from-file" || opt.IdleConn != 7*time.Second {
		t.Errorf("got public %d, private %d, data %s, idle %v", opt.PublicPort, opt.PrivatePort, opt.DataDir, opt.IdleConn)
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"--no-such-flag"}, {"-f", "/does/not/exist"}} {
		if _, _, err := ParseOptions(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
