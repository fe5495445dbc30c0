package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"maelstrom/project"
)

// Setting is one thing that a daemon can be told: the variable MAEL_<Name>, or
// the flag --<name>.
type Setting struct {
	Name    string // DATA_DIR
	Default string // as shown to people
	Usage   string

	// Unused says why the setting has no effect, empty if it has one. Such a
	// setting is checked and accepted, with one warning.
	Unused string

	set func(o *Options, value string) error
}

// Variable is the name of the setting's environment variable.
func (s *Setting) Variable() string { return "MAEL_" + s.Name }

// Flag is the name of the setting's command line flag, without dashes.
func (s *Setting) Flag() string { return strings.ReplaceAll(strings.ToLower(s.Name), "_", "-") }

// Settings lists all settings in the order in which people read about them.
func Settings() []Setting {
	const notOurs = "leases and peers do not need it"
	const awsLater = "AWS life cycle hooks are not supported"
	return []Setting{
		{"DATA_DIR", "/var/lib/maelstrom, or the user's data directory", "directory of the database, the node id and the local client's token", "", text(func(o *Options) *string { return &o.DataDir })},
		{"SQL_DRIVER", "sqlite", "sqlite, postgres or mysql", "", choose(func(o *Options) *string { return &o.SQLDriver }, map[string]string{"sqlite": "sqlite", "sqlite3": "sqlite", "postgres": "postgres", "mysql": "mysql"})},
		{"SQL_DSN", "maelstrom.db in the data directory", "path of the SQLite file, or the database server's address", "", text(func(o *Options) *string { return &o.SQLDSN })},
		{"PUBLIC_ADDR", "all addresses", "address that the public port binds", "", parseInto(func(o *Options) *netip.Addr { return &o.PublicAddr }, netip.ParseAddr)},
		{"PUBLIC_PORT", "80", "port for requests from outside", "", number(func(o *Options) *int { return &o.PublicPort }, 1, 65535)},
		{"PUBLIC_HTTPS_PORT", "443", "port for HTTPS", "HTTPS is not served yet", number(func(*Options) *int { return new(int) }, 1, 65535)},
		{"PRIVATE_PORT", "8374", "port of the API and of requests between components", "", number(func(o *Options) *int { return &o.PrivatePort }, 1, 65535)},
		{"PEER_ADDR", "off", "address for other nodes and for maelctl on other machines, over TLS, such as :8376", "", hostPort(func(o *Options) *string { return &o.PeerAddr })},
		{"PEER_ADVERTISE", "the host of MAEL_PEER_ADDR, else the address that this machine sends from", "where other nodes reach this one, as host or host:port", "", parseInto(func(o *Options) *string { return &o.PeerAdvertise }, parseAdvertised)},
		{"CLUSTER_KEY", "none", "text of at least 32 characters, the same on every node: it opens what they know each other by", "", clusterKey},
		{"API_TOKEN", "none", "a first API token; only its hash is stored", "", apiToken},
		{"DOCKER_HOST", "DOCKER_HOST, else the local socket", "address of the container engine", "", text(func(o *Options) *string { return &o.DockerHost })},
		{"DOCKER_CONFIG", "DOCKER_CONFIG, else .docker in the home directory", "directory of the Docker client's config.json, for credentials of registries", "", text(func(o *Options) *string { return &o.Images.ConfigDir })},
		{"PULL_COMMAND", "false", "let components fetch their images by a program on this host (pullcommand)", "", boolean(func(o *Options) *bool { return &o.Images.PullCommand })},
		{"DOCKER_PRUNE_MINUTES", "0", "how often to remove images that this node has pulled and nothing needs; 0: never", "", minutes(func(o *Options) *time.Duration { return &o.Images.Prune.Every })},
		{"DOCKER_PRUNE_UNREG_IMAGES", "false", "with those that still have a name, but no component declares", "", boolean(func(o *Options) *bool { return &o.Images.Prune.Undeclared })},
		{"DOCKER_PRUNE_UNREG_KEEP", "none", "comma-separated names of images to keep all the same, with * for any text", "", parseInto(func(o *Options) *[]string { return &o.Images.Prune.Keep }, parseList)},
		{"DISK_GUARD_PERCENT", "85", "how full the engine's disk may be before images go that nothing needs; 0: no guard", "", number(func(o *Options) *int { return &o.Images.Prune.GuardPercent }, 0, 100)},
		{"TOTAL_MEMORY", "-1", "MiB that components may reserve on this node; -1: all of the host, 0: run nothing here", "", number(func(o *Options) *int64 { return &o.TotalMemoryMiB }, -1, 1<<40)},
		{"NODE_LABELS", "none", "comma-separated labels of this node, as name=value, that components can ask for with `nodes`", "", parseInto(func(o *Options) *map[string]string { return &o.NodeLabels }, parseLabels)},
		{"CRON_TZ", "UTC", "time zone of schedules that name none, the same on every node: cron and awake", "", parseInto(func(o *Options) **time.Location { return &o.CronZone }, loadZone)},
		{"ON_EXIT", "keep", "keep: containers go on when the daemon stops; stop: they stop with it", "", choose(func(o *Options) *ExitMode { return &o.OnExit }, map[string]ExitMode{"keep": ExitKeep, "stop": ExitStop})},
		{"SHUTDOWN_PAUSE_SECONDS", "0", "how long a stopping daemon answers 503 to health checks before it stops serving", "", seconds(func(o *Options) *time.Duration { return &o.ShutdownPause })},
		{"HTTP_WRITE_TIMEOUT", "310", "seconds without a byte either way until a request is given up", "", seconds(func(o *Options) *time.Duration { return &o.Stall })},
		{"HTTP_IDLE_TIMEOUT", "310", "seconds that a connection without a request is kept", "", seconds(func(o *Options) *time.Duration { return &o.IdleConn })},
		{"TRUSTED_PROXIES", "none", "comma-separated networks whose X-Forwarded-For is believed", "", parseInto(func(o *Options) *[]netip.Prefix { return &o.TrustedProxies }, parsePrefixes)},
		{"SERVICE_NAMES", "on", "answer names of components, such as http://web.shop.internal/, to containers of bridge networks: on or off", "", choose(func(o *Options) *bool { return &o.ServiceNames }, map[string]bool{"on": true, "off": false})},
		{"SERVICE_NAMES_UPSTREAM", "the host's", "comma-separated name servers that are asked for all other names of containers", "", parseInto(func(o *Options) *[]netip.AddrPort { return &o.NamesUpstream }, parseNameServers)},
		{"SOURCES", "none", "file that declares sources of projects, and who is told about them", "", text(func(o *Options) *string { return &o.Sources })},
		{"HOOK_ADDR", "off", "address that webhooks of git servers are taken at, such as :8375", "", hostPort(func(o *Options) *string { return &o.HookAddr })},
		{"SOURCE_NETWORKS", "all but link-local addresses", "comma-separated networks that sources may be fetched from and events sent to", "", parseInto(func(o *Options) *[]netip.Prefix { return &o.SourceNetworks }, parsePrefixes)},
		{"LOG_RING_MIB", "20", "MiB on disk of each component's output to keep; 0: keep none", "", number(func(o *Options) *int64 { return &o.LogRing.MiB }, 0, 1<<20)},
		{"LOG_RING_DAYS", "7", "how many days of output to keep; 0: keep none", "", number(func(o *Options) *int { return &o.LogRing.Days }, 0, 3650)},
		{"ACCESS_LOG", "false", "log each request", "", boolean(func(o *Options) *bool { return &o.AccessLog })},
		{"LOG_FORMAT", "text", "text or json", "", choose(func(o *Options) *string { return &o.LogFormat }, map[string]string{"text": "text", "json": "json"})},
		{"LOG_LEVEL", "info", "debug, info, warn or error", "", choose(func(o *Options) *slog.Level { return &o.LogLevel }, map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError})},
		{"PPROF", "false", "serve profiles at /_mael/pprof/ of the private port, with a token", "", boolean(func(o *Options) *bool { return &o.Pprof })},
		{"CPU_PROFILE_FILENAME", "none", "write a CPU profile of the daemon's whole life to this file", "", text(func(o *Options) *string { return &o.CPUProfile })},

		{"INSTANCE_ID", "none", "machine id of the cloud provider", awsLater, ignored},
		{"TERMINATE_COMMAND", "none", "command to run after a life cycle hook", awsLater, ignored},
		{"AWS_TERMINATE_QUEUE_URL", "none", "queue of life cycle events", awsLater, ignored},
		{"AWS_TERMINATE_MAX_AGE_SECONDS", "600", "age up to which such an event counts", awsLater, seconds(noDuration)},
		{"AWS_SPOT_TERMINATE_POLL_SECONDS", "0", "how often to ask for a spot interruption", awsLater, seconds(noDuration)},
		{"HTTP_READ_TIMEOUT", "300", "longest silence of a client that sends", "MAEL_HTTP_WRITE_TIMEOUT counts both ways", seconds(noDuration)},
		{"CRON_REFRESH_SECONDS", "60", "how often to reload schedules", "changed schedules count at once", seconds(noDuration)},
		{"NODE_LIVENESS_SECONDS", "300", "age at which a node row is dropped", notOurs, seconds(noDuration)},
		{"LOG_GC_SECONDS", "0", "how often to log memory statistics", "see /metrics", seconds(noDuration)},
	}
}

type setFunc func(o *Options, value string) error

// Fields of settings without effect: the value is checked and goes nowhere.
func noDuration(*Options) *time.Duration { return new(time.Duration) }
func noBool(*Options) *bool              { return new(bool) }
func ignored(*Options, string) error     { return nil }

func text(field func(*Options) *string) setFunc {
	return func(o *Options, value string) error {
		*field(o) = value
		return nil
	}
}

func number[T int | int64](field func(*Options) *T, low, high int64) setFunc {
	return func(o *Options, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not a number from %d to %d", value, low, high)
		}
		*field(o) = T(n)
		return nil
	}
}

func seconds(field func(*Options) *time.Duration) setFunc {
	const most = 365 * 24 * 3600
	return func(o *Options, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || n > most {
			return fmt.Errorf("%q is not a number of seconds from 0 to %d", value, most)
		}
		*field(o) = time.Duration(n) * time.Second
		return nil
	}
}

func minutes(field func(*Options) *time.Duration) setFunc {
	const most = 365 * 24 * 60
	return func(o *Options, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || n > most {
			return fmt.Errorf("%q is not a number of minutes from 0 to %d", value, most)
		}
		*field(o) = time.Duration(n) * time.Minute
		return nil
	}
}

// parseList reads comma-separated texts.
func parseList(value string) ([]string, error) {
	var list []string
	for field := range strings.SplitSeq(value, ",") {
		if field = strings.TrimSpace(field); field != "" {
			list = append(list, field)
		}
	}
	return list, nil
}

func boolean(field func(*Options) *bool) setFunc {
	return func(o *Options, value string) error {
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		*field(o) = b
		return nil
	}
}

func choose[T any](field func(*Options) *T, choices map[string]T) setFunc {
	return func(o *Options, value string) error {
		choice, ok := choices[strings.ToLower(value)]
		if !ok {
			return fmt.Errorf("%q is not one of %s", value, strings.Join(sortedKeys(choices), ", "))
		}
		*field(o) = choice
		return nil
	}
}

func parseInto[T any](field func(*Options) *T, parse func(string) (T, error)) setFunc {
	return func(o *Options, value string) error {
		v, err := parse(value)
		if err != nil {
			return err
		}
		*field(o) = v
		return nil
	}
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone such as Europe/Berlin", name)
	}
	return zone, nil
}

// parseLabels reads comma-separated name=value pairs.
func parseLabels(value string) (map[string]string, error) {
	fields, err := parseList(value)
	labels := map[string]string{}
	for _, field := range fields {
		name, text, found := strings.Cut(field, "=")
		if wrong := project.LabelProblem(name, text); !found || wrong != "" {
			return nil, fmt.Errorf("%q is not a label such as disk=ssd: names and values are letters, digits, _, ., / and -", field)
		}
		if old, twice := labels[name]; twice && old != text {
			return nil, fmt.Errorf("label %s has two values, %s and %s", name, old, text)
		}
		labels[name] = text
	}
	return labels, err
}

func parsePrefixes(value string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for field := range strings.SplitSeq(value, ",") {
		field = strings.TrimSpace(field)
		prefix, err := netip.ParsePrefix(field)
		if addr, addrErr := netip.ParseAddr(field); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", field)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

// parseNameServers reads comma-separated addresses, with a port if it is not 53.
func parseNameServers(value string) ([]netip.AddrPort, error) {
	fields, err := parseList(value)
	var servers []netip.AddrPort
	for _, field := range fields {
		server, portErr := netip.ParseAddrPort(field)
		if addr, addrErr := netip.ParseAddr(field); addrErr == nil {
			server, portErr = netip.AddrPortFrom(addr, namesPort), nil
		}
		if portErr != nil || server.Port() == 0 {
			return nil, fmt.Errorf("%q is not the address of a name server, such as 10.0.0.53", field)
		}
		servers = append(servers, server)
	}
	return servers, err
}

func apiToken(o *Options, value string) error {
	const least = 16
	if len(value) < least {
		return fmt.Errorf("a token needs at least %d characters", least)
	}
	o.APIToken = value
	return nil
}

// environ returns the process environment as a map.
func environ() map[string]string {
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}
