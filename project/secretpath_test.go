package project

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// A path that holds a secret is told as it was written, whatever whoever reads
// it says.
func TestSecretsInPathsAreNotEchoed(t *testing.T) {
	const text = `name: shop
envfile: "${DB_PASSWORD}"
components:
  web:
    image: web
    maxconcurrency: 1
    files:
      - {target: /a, source: "conf/${DB_PASSWORD}.conf"}
`
	for _, test := range []struct {
		name string
		file File
		err  error
		want []string
	}{
		{"missing", File{}, fmt.Errorf("read hunter2: %w", fs.ErrNotExist), []string{`2:10: envfile: "${DB_PASSWORD}" can't be read: no such file`, `8:30: components.web.files[0].source: "conf/${DB_PASSWORD}.conf" can't be read: no such file`}},
		{"unreadable", File{Path: "hunter2"}, fmt.Errorf("hunter2: permission denied"), []string{`"${DB_PASSWORD}" can't be read: there is no file that can be read`}},
		{"a bad line", File{Path: "in/hunter2", Data: []byte("=\n")}, nil, []string{"${DB_PASSWORD}:1:1"}},
		{"elsewhere", File{Path: "hunter2", Warning: "hunter2 was read from the working directory"}, nil, []string{`"${DB_PASSWORD}" was read from the working directory`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := Load(Input{
				File: "m.yml", Data: []byte(text),
				Lookup:   func(name string) (string, bool) { return "hunter2", name == "DB_PASSWORD" },
				ReadFile: func(string) (File, error) { return test.file, test.err },
			})
			var all string
			for _, p := range l.Problems {
				all += p.String() + "\n"
			}
			if strings.Contains(all, "hunter2") {
				t.Errorf("the secret is in\n%s", all)
			}
			for _, want := range test.want {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in\n%s", want, all)
				}
			}
		})
	}
}
