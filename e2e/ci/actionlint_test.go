package ci

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/rhysd/actionlint"
)

func TestWorkflowsPassTheLinter(t *testing.T) {
	files, err := filepath.Glob("../../examples/ci/github/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		problems, err := linter.LintFile(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s", p)
		}
	}
}

// The linter sees what it is here for.
func TestTheLinterFindsMistakes(t *testing.T) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := linter.Lint("bad.yml", []byte("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ github.nothing }}\n"), nil)
	if err != nil || len(problems) == 0 {
		t.Errorf("found %v, %v", problems, err)
	}
}
