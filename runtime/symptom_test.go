package runtime

import (
	"strings"
	"testing"

	"maelstrom/project"
)

func TestMissingVariablesAreRecognised(t *testing.T) {
	for line, want := range map[string]string{
		"KeyError: 'DATABASE_URL'":                                             "DATABASE_URL",
		`panic: DATABASE_URL is not set`:                                       "DATABASE_URL",
		"missing environment variable SECRET_KEY":                              "SECRET_KEY",
		"Error: Missing required environment variable: STRIPE_KEY":             "STRIPE_KEY",
		"Missing required environment variables: STRIPE_KEY, OTHER_KEY":        "STRIPE_KEY",
		`required environment variable "PORT" is not set`:                      "PORT",
		`env: environment variable "PORT" should not be empty; PORT is empty`:  "PORT",
		"error: Environment variable not found: DATABASE_URL.":                 "DATABASE_URL",
		`required key APP_SECRET missing value`:                                "APP_SECRET",
		"KeyError (key not found: \"REDIS_URL\")":                              "REDIS_URL",
		"/entrypoint.sh: line 3: DB_HOST: unbound variable":                    "DB_HOST",
		"/entrypoint.sh: line 3: DB_HOST: parameter null or not set":           "DB_HOST",
		`Could not resolve placeholder 'DB_HOST' in value "${DB_HOST}"`:        "DB_HOST",
		`PHP Warning:  Undefined array key "DB_HOST" in /app/index.php`:        "DB_HOST",
		"Error: POSTGRES_PASSWORD must be set":                                 "POSTGRES_PASSWORD",
		"Error: Database is uninitialized: MYSQL_ROOT_PASSWORD is not defined": "MYSQL_ROOT_PASSWORD",
		"environment variable DATABASE_URL is missing.":                        "DATABASE_URL",
		"The API_TOKEN environment variable is required":                       "API_TOKEN",
		"`SENTRY_DSN` is undefined":                                            "SENTRY_DSN",
	} {
		s, ok := symptomOf(&evidence{output: []string{"starting", line, "exiting"}}, shopWeb(nil))
		if !ok || !strings.Contains(s.what, want) || s.fix != inWeb+".environment: write `- "+want+"=VALUE`" {
			t.Errorf("%q: %t, %+v; want %s", line, ok, s, want)
		}
	}
}

func TestOtherWordsAreNoVariables(t *testing.T) {
	for _, line := range []string{
		"ERROR: not found",
		"FATAL: missing",
		"GET /x not found",
		"the file is not set up",
		"config.json is missing",
		"HTTP is required",
		"listening on 8080",
		"Server not found: example.com",
		"MODE is not set", // it is
	} {
		spec := shopWeb(func(c *project.Component) { c.Environment = []project.EnvVar{{Name: "MODE", Value: "x"}} })
		if s, ok := symptomOf(&evidence{output: []string{line}}, spec); ok {
			t.Errorf("%q: %+v", line, s)
		}
	}
}

func TestReadOnlyFileSystemsAreRecognised(t *testing.T) {
	spec := shopWeb(func(c *project.Component) {
		c.Volumes = []project.Volume{{Source: "/srv/data", Target: "/data", ReadOnly: true}}
	})
	for line, want := range map[string]string{
		"open /var/cache/x.tmp: read-only file system":               ".volumes: write `- {type: tmpfs, target: /var/cache}`",
		"OSError: [Errno 30] Read-only file system: '/var/x/y.pid'":  ".volumes: write `- {type: tmpfs, target: /var/x}`",
		"Error: EROFS: read-only file system, mkdir '/app/.next'":    ".volumes: write `- {type: tmpfs, target: /app}`",
		"touch: cannot touch '/data/a/b': Read-only file system":     ".volumes, target /data: write `readonly: false`",
		"java.nio.file.ReadOnlyFileSystemException":                  ".volumes: write `- {type: tmpfs, target: /DIRECTORY}`",
		"sqlite3: unable to open: /database/x: Read-only filesystem": ".volumes: write `- {type: tmpfs, target: /database}`",
	} {
		s, ok := symptomOf(&evidence{output: []string{line}}, spec)
		if !ok || s.fix != inWeb+want || !strings.Contains(s.what, "`volumes`") {
			t.Errorf("%q: %t, %+v; want %q", line, ok, s, want)
		}
	}
}
