package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	cron "github.com/netresearch/go-cron"
	"pgregory.net/rapid"
)

func mustParse(t testing.TB, expr string) Schedule {
	t.Helper()
	s, err := Parse(expr, nil)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	return s
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name, expr, after string
		want              []string // UTC
	}{
		{"each minute", "* * * * *", "2025-01-01T00:00:00Z", []string{"2025-01-01T00:01:00Z", "2025-01-01T00:02:00Z"}},
		{"strictly after", "0 3 * * *", "2025-01-01T03:00:00Z", []string{"2025-01-02T03:00:00Z"}},
		{"within the minute before", "0 3 * * *", "2025-01-01T02:59:59.999999999Z", []string{"2025-01-01T03:00:00Z"}},
		{"within the minute", "0 3 * * *", "2025-01-01T03:00:00.000000001Z", []string{"2025-01-02T03:00:00Z"}},
		{"year's end", "59 23 31 12 *", "2024-12-31T23:59:00Z", []string{"2025-12-31T23:59:00Z"}},
		{"either day", "0 0 13 * fri", "2025-06-01T00:00:00Z", []string{"2025-06-06T00:00:00Z", "2025-06-13T00:00:00Z", "2025-06-20T00:00:00Z"}},
		{"both days with a star", "0 0 * * fri", "2025-06-06T00:00:00Z", []string{"2025-06-13T00:00:00Z"}},
		{"both days with a question mark", "0 0 13 * ?", "2025-06-06T00:00:00Z", []string{"2025-06-13T00:00:00Z", "2025-07-13T00:00:00Z"}},
		{"a stepped star restricts", "0 0 */10 * mon", "2025-06-01T00:00:00Z", []string{"2025-06-02T00:00:00Z", "2025-06-09T00:00:00Z", "2025-06-11T00:00:00Z"}},
		{"a star in a list does not", "0 0 *,10 * mon", "2025-06-01T00:00:00Z", []string{"2025-06-02T00:00:00Z", "2025-06-09T00:00:00Z"}},
		{"leap day over 2100", "0 0 29 2 *", "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		{"never", "0 0 30 2 *", "2025-01-01T00:00:00Z", nil},
		{"never either", "0 0 31 4,6,9,11 *", "2025-01-01T00:00:00Z", nil},

		// Berlin, 2025-03-30: 02:00 +01:00 becomes 03:00 +02:00.
		{"in the gap", "TZ=Europe/Berlin 30 2 * * *", "2025-03-29T00:00:00Z", []string{"2025-03-29T01:30:00Z", "2025-03-31T00:30:00Z"}},
		{"after the gap", "TZ=Europe/Berlin 0 3 * * *", "2025-03-29T12:00:00Z", []string{"2025-03-30T01:00:00Z", "2025-03-31T01:00:00Z"}},
		{"hourly over the gap", "TZ=Europe/Berlin 0 * * * *", "2025-03-30T00:00:00Z", []string{"2025-03-30T01:00:00Z", "2025-03-30T02:00:00Z"}},
		// Berlin, 2025-10-26: 03:00 +02:00 becomes 02:00 +01:00.
		{"in the repeated hour", "TZ=Europe/Berlin 30 2 * * *", "2025-10-25T12:00:00Z", []string{"2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z", "2025-10-27T01:30:00Z"}},
		{"hourly over the repetition", "TZ=Europe/Berlin 0 * * * *", "2025-10-25T23:00:00Z", []string{"2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z", "2025-10-26T02:00:00Z"}},
		// New York, both changes of 2025.
		{"gap in New York", "TZ=America/New_York 30 2 * * *", "2025-03-08T12:00:00Z", []string{"2025-03-10T06:30:00Z"}},
		{"repetition in New York", "TZ=America/New_York 30 1 * * *", "2025-11-02T00:00:00Z", []string{"2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z"}},
		// Lord Howe moves by half an hour; Newfoundland used to move at 00:01.
		{"gap of half an hour", "TZ=Australia/Lord_Howe 15 2 * * *", "2025-10-04T12:00:00Z", []string{"2025-10-05T15:15:00Z"}},
		{"change one minute past midnight", "TZ=America/St_Johns 30 1 * * *", "2009-03-08T03:30:00Z", []string{"2009-03-08T04:00:00Z"}},
		// São Paulo, 2018-11-04: midnight does not exist.
		{"daily where midnight is skipped", "TZ=America/Sao_Paulo @daily", "2018-11-03T12:00:00Z", []string{"2018-11-05T02:00:00Z"}},
		// Samoa skipped 2011-12-30.
		{"a day that is skipped", "TZ=Pacific/Apia 0 12 30 12 *", "2011-12-01T00:00:00Z", []string{"2012-12-29T22:00:00Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after := at(t, tt.after)
			got := mustParse(t, tt.expr).Upcoming(after, after, max(len(tt.want), 1))
			var texts []string
			for _, v := range got {
				texts = append(texts, v.UTC().Format(time.RFC3339Nano))
			}
			if strings.Join(texts, " ") != strings.Join(tt.want, " ") {
				t.Errorf("got  %v\nwant %v", texts, tt.want)
			}
		})
	}
}

func TestNextOfInterval(t *testing.T) {
	for _, tt := range []struct{ expr, epoch, after, want string }{
		{"@every 5m", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2025-01-01T00:05:00Z"},
		{"@every 5m", "2025-01-01T00:00:00Z", "2025-01-01T00:05:00Z", "2025-01-01T00:10:00Z"},
		{"@every 5m", "2025-01-01T00:00:00Z", "2025-01-01T00:04:59.9Z", "2025-01-01T00:05:00Z"},
		{"@every 5m", "2025-01-01T00:00:07.9Z", "2025-01-01T10:00:00Z", "2025-01-01T10:00:07Z"},
		{"@every 5m", "2025-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2025-01-01T00:05:00Z"},
		{"@every 500ms", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z"},
		{"@every 1500ms", "2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z", "2025-01-01T00:00:02Z"},
		{"@every 7h", "0001-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z"},
	} {
		got := mustParse(t, tt.expr).Next(at(t, tt.after), at(t, tt.epoch))
		if want := at(t, tt.want); !got.Equal(want) {
			t.Errorf("%s from %s after %s: %s, want %s", tt.expr, tt.epoch, tt.after, got, tt.want)
		}
	}
}

func TestZeroScheduleNeverFires(t *testing.T) {
	var s Schedule
	if got := s.Next(time.Unix(0, 0), time.Time{}); !got.IsZero() {
		t.Errorf("Next = %s", got)
	}
	if s.Zone() != time.UTC {
		t.Errorf("Zone = %s", s.Zone())
	}
}

// naiveNext looks at every minute and reads the text of the fields anew, by
// itself, for each.
func naiveNext(expr string, zone *time.Location, after time.Time, horizon time.Duration) time.Time {
	fields := naiveFields(expr)
	end := after.Add(horizon)
	for t := after.Truncate(time.Minute).Add(time.Minute); !t.After(end); t = t.Add(time.Minute) {
		if naiveMatch(fields, t.In(zone)) {
			return t
		}
	}
	return time.Time{}
}

func naiveFields(expr string) []string {
	fields := strings.Fields(expr)
	if strings.Contains(fields[0], "=") {
		fields = fields[1:]
	}
	if full, ok := descriptors[fields[0]]; ok {
		fields = strings.Fields(full)
	}
	return fields
}

func naiveMatch(fields []string, w time.Time) bool {
	values := []int{w.Minute(), w.Hour(), w.Day(), int(w.Month()), int(w.Weekday())}
	var ok, star [5]bool
	for i, field := range fields {
		ok[i], star[i] = naiveField(field, fieldBounds[i], values[i])
	}
	day := ok[2] && ok[4]
	if !star[2] && !star[4] {
		day = ok[2] || ok[4]
	}
	return ok[0] && ok[1] && ok[3] && day
}

var naiveElement = regexp.MustCompile(`^(\*|\?|\w+)(?:-(\w+))?(?:/(\d+))?$`)

func naiveField(field string, b bounds, v int) (ok, star bool) {
	for i, name := range b.names {
		field = strings.ReplaceAll(strings.ToLower(field), name, strconv.Itoa(b.min+i))
	}
	for _, element := range strings.Split(field, ",") {
		m := naiveElement.FindStringSubmatch(element)
		if m == nil {
			continue // an empty one
		}
		low, _ := strconv.Atoi(m[1])
		high, step := low, 1
		if m[3] != "" {
			step, _ = strconv.Atoi(m[3])
			high = b.max
		}
		if m[1] == "*" || m[1] == "?" {
			low, high = b.min, b.max
			star = star || step == 1
		}
		if m[2] != "" {
			high, _ = strconv.Atoi(m[2])
		}
		ok = ok || low <= v && v <= high && (v-low)%step == 0
	}
	return ok, star
}

func agrees(t interface {
	Helper()
	Fatalf(string, ...any)
}, s Schedule, expr string, after time.Time) {
	t.Helper()
	const horizon = 3 * 24 * time.Hour
	end := after.Add(horizon)
	for range 20 {
		want := naiveNext(expr, s.Zone(), after, end.Sub(after))
		got := s.Next(after, after)
		if want.IsZero() {
			if !got.IsZero() && !got.After(end) {
				t.Fatalf("%q after %s: got %s, a minute-by-minute search finds none up to %s", expr, after, got, end)
			}
			return
		}
		if !got.Equal(want) {
			t.Fatalf("%q after %s: got %s, want %s", expr, after, got, want.In(s.Zone()))
		}
		after = want
	}
}

var changes = []string{ // moments near changes of clocks, and a plain one
	"2025-03-29T12:00:00Z", "2025-10-25T12:00:00Z", "2025-03-08T12:00:00Z", "2025-11-01T12:00:00Z",
	"2025-10-04T03:00:00Z", "2025-04-05T03:00:00Z", "2009-03-07T12:00:00Z", "2018-11-03T12:00:00Z",
	"2024-02-27T23:59:30Z", "2025-06-14T10:20:30.5Z",
}

var someZones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo",
	"Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca",
}

// drawField draws a list of values, with steps up to maxStep unless that is 0.
func drawField(t *rapid.T, b bounds, maxStep int) string {
	element := rapid.Custom(func(t *rapid.T) string {
		low := rapid.IntRange(b.min, b.max).Draw(t, "low")
		high := rapid.IntRange(low, b.max).Draw(t, "high")
		text := rapid.SampledFrom([]string{"*", "?", fmt.Sprint(low), fmt.Sprintf("%d-%d", low, high)}).Draw(t, "values")
		if maxStep > 0 && rapid.Bool().Draw(t, "stepped") {
			text += fmt.Sprintf("/%d", rapid.IntRange(1, maxStep).Draw(t, "step"))
		}
		return text
	})
	return strings.Join(rapid.SliceOfN(element, 1, 3).Draw(t, b.name), ",")
}

func drawSpec(t *rapid.T) string {
	var fields []string
	for _, b := range fieldBounds {
		fields = append(fields, drawField(t, b, b.max+3))
	}
	return strings.Join(fields, " ")
}

func TestNextAgreesWithMinuteByMinuteSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := "TZ=" + rapid.SampledFrom(someZones).Draw(t, "zone") + " " + drawSpec(t)
		s, err := Parse(expr, nil)
		if err != nil {
			t.Fatalf("Parse(%q): %v", expr, err)
		}
		after, _ := time.Parse(time.RFC3339Nano, rapid.SampledFrom(changes).Draw(t, "after"))
		agrees(t, s, expr, after.Add(time.Duration(rapid.IntRange(0, 86400).Draw(t, "seconds"))*time.Second))
	})
}

// Where no clock changes, the well-known library says the same, also far away.
// Steps are left out: it refuses long ones and lets the week run to 7.
func TestNextAgreesWithLibrary(t *testing.T) {
	library := cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom).WithMaxSearchYears(9)
	rapid.Check(t, func(t *rapid.T) {
		var fields []string
		for _, b := range fieldBounds {
			fields = append(fields, drawField(t, b, 0))
		}
		expr := "TZ=UTC " + strings.Join(fields, " ")
		s, err := Parse(expr, nil)
		if err != nil {
			t.Fatalf("Parse(%q): %v", expr, err)
		}
		theirs, err := library.Parse(expr)
		if err != nil {
			t.Fatalf("library: Parse(%q): %v", expr, err)
		}
		after := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "after"), 0).UTC()
		for range 5 {
			got, want := s.Next(after, after), theirs.Next(after)
			if !got.Equal(want) {
				t.Fatalf("%q after %s: got %s, the library %s", expr, after, got, want)
			}
			if after = got; got.IsZero() {
				return
			}
		}
	})
}

// An interval keeps its grid whatever moment is asked for.
func TestIntervalGrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := rapid.Int64Range(1, 1e7).Draw(t, "interval")
		epoch := time.Unix(rapid.Int64Range(0, 2e9).Draw(t, "epoch"), rapid.Int64Range(0, 999999999).Draw(t, "ns"))
		after := epoch.Add(time.Duration(rapid.Int64Range(0, 1e17).Draw(t, "later")))
		s, err := Parse(fmt.Sprintf("@every %ds", interval), nil)
		if err != nil {
			t.Fatal(err)
		}
		next := s.Next(after, epoch)
		if !next.After(after) || next.Sub(after) > time.Duration(interval)*time.Second {
			t.Fatalf("next %s is not within one interval after %s", next, after)
		}
		if (next.Unix()-epoch.Unix())%interval != 0 {
			t.Fatalf("next %s is not on the grid from %s", next, epoch)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, expr := range []string{
		"*/5 0-3,7 1,15 jan-mar mon", "TZ=Europe/Berlin 30 2 * * ?", "@every 90m", "@weekly",
		"0 0 29 2 *", "CRON_TZ=America/New_York @daily", "61 * * * *", "ü", "TZ=", "1,,2 * * * *",
	} {
		f.Add(expr, int64(1743200000))
	}
	f.Fuzz(func(t *testing.T, expr string, unix int64) {
		s, err := Parse(expr, nil)
		if err != nil {
			var parseErr *ParseError
			if parseErr = err.(*ParseError); parseErr.Column < 1 || parseErr.Message == "" || parseErr.Hint == "" {
				t.Fatalf("Parse(%q): %#v", expr, err)
			}
			return
		}
		after := time.Unix(unix%4e9, 0)
		if interval, ok := s.Every(); ok {
			if next := s.Next(after, after); next.Sub(after) != interval {
				t.Fatalf("%q after %s: %s", expr, after, next)
			}
			return
		}
		agrees(t, s, expr, after)
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("TZ=Europe/Berlin */5 8-18 * * mon-fri", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	after := time.Unix(1743200000, 0)
	for _, expr := range []string{"* * * * *", "TZ=Europe/Berlin 0 3 1 1 *", "TZ=Europe/Berlin 0 0 30 2 *"} {
		s := mustParse(b, expr)
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Next(after, after)
			}
		})
	}
}
