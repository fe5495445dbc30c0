package project

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseEnv(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []EnvVar
	}{
		{"empty", "", nil},
		{"plain", "A=b\nC=d", []EnvVar{{"A", "b"}, {"C", "d"}}},
		{"blanks", "  A = b  \n\n \t\n", []EnvVar{{"A", "b"}}},
		{"comments", "# x\n #y\nA=b # c\nB=b#c\nC=# c\nD= #c", []EnvVar{{"A", "b"}, {"B", "b#c"}, {"C", ""}, {"D", ""}}},
		{"carriage returns", "A=b\r\nC='d'\r\n", []EnvVar{{"A", "b"}, {"C", "d"}}},
		{"byte order mark", "\uFEFFA=b", []EnvVar{{"A", "b"}}},
		{"export", "export A=b\nexport\tB=c\nexported=1\nexport=2", []EnvVar{{"A", "b"}, {"B", "c"}, {"exported", "1"}, {"export", "2"}}},
		{"single quotes", `A='b # \n "c"' # d`, []EnvVar{{"A", `b # \n "c"`}}},
		{"double quotes", `A="b # \n \"c\" \\ \$x \q"`, []EnvVar{{"A", "b # \n \"c\" \\ $x \\q"}}},
		{"lines in quotes", "A=\"b\nc\"\nD='e\n\nf'\nG=h", []EnvVar{{"A", "b\nc"}, {"D", "e\n\nf"}, {"G", "h"}}},
		{"quotes within", `A=b"c"`, []EnvVar{{"A", `b"c"`}}},
		{"equals", "A=b=c==", []EnvVar{{"A", "b=c=="}}},
		{"variables stay", "A=${B} $C", []EnvVar{{"A", "${B} $C"}}},
		{"twice", "A=1\nA=2", []EnvVar{{"A", "1"}, {"A", "2"}}},
		{"json", `A={"a": "b"}`, []EnvVar{{"A", `{"a": "b"}`}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseEnv([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseEnvNamesEveryBadLine(t *testing.T) {
	const text = "A=1\nsecret-word\n=x\nB C=1\nD=\"x\" y\nE=\"open\nF=2\n"
	vars, err := ParseEnv([]byte(text))
	var lines []int
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var bad *EnvError
		if !errors.As(e, &bad) {
			t.Fatalf("%v is no *EnvError", e)
		}
		lines = append(lines, bad.Line)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 5, 6}, lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]EnvVar{{"A", "1"}, {"F", "2"}}, vars); diff != "" {
		t.Error(diff)
	}
	if _, err := ParseEnv([]byte("A=\xff")); err == nil {
		t.Error("accepted what is not UTF-8")
	}
	if _, err := ParseEnv([]byte("A=\x00")); err == nil {
		t.Error("accepted a NUL byte")
	}
}
