package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the host's zoneinfo
)

func TestParseAccepts(t *testing.T) {
	for _, expr := range []string{
		"* * * * *", "? ? ? ? ?", "0 3 * * *", "  0   3 * * *  ", "0\t3\t*\t*\t*", "*/5 * * * *", "5/15 * * * *",
		"0-30/10 * * * *", "1,2,3 4-5 6 7 0", "1,,2 * * * *", "00 03 01 01 *", "0 0 * jan-mar,DEC Mon-fri", "0 0 * * SUN",
		"*/100 * * * *", "*/1 * * * *", "*,5 * * * *", "?/5 * * * *", "0 0 31 2 *", "0 0 1 1 sun-sat/2",
		"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
		"@every 1h30m", "@every 90s", "@every 500ms", "@every 1.5h", "@every 2562047h",
		"TZ=UTC 0 3 * * *", "TZ=Europe/Berlin   0 3 * * *", "CRON_TZ=America/New_York @daily", "TZ=Asia/Tokyo @every 5m",
	} {
		if _, err := Parse(expr, nil); err != nil {
			t.Errorf("Parse(%q): %v", expr, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		expr    string
		column  int
		message string
	}{
		{"", 1, "is empty"},
		{" \t", 1, "is empty"},
		{"* * * *", 8, "4 of five fields"},
		{"0 * * * * *", 11, "6 fields, not five"},
		{"60 * * * *", 1, "minute 60 is not in 0-59"},
		{"* 24 * * *", 3, "hour 24 is not in 0-23"},
		{"* * 0 * *", 5, "day of month 0 is not in 1-31"},
		{"* * 32 * *", 5, "day of month 32"},
		{"* * * 13 *", 7, "month 13"},
		{"* * * * 7", 9, "day of week 7 is not in 0-6"},
		{"* * * * 0-7", 11, "day of week 7"},
		{"* * * * fri-mon", 9, "ends before it begins"},
		{"* 22-2 * * *", 3, "ends before it begins"},
		{"* * * * funday", 9, `"funday" is not a number or a name`},
		{"* * * january *", 7, "is not a number or a name"},
		{"* * jan * *", 5, "is not a number"},
		{"* * L * *", 5, `"L" is not a number`},
		{"* * L-3 * *", 5, "is not a number"},
		{"* * 15W * *", 5, "is not a number"},
		{"* * LW * *", 5, "is not a number"},
		{"* * * * FRI#3", 9, "is not a number or a name"},
		{"* * * * 5L", 9, "is not a number or a name"},
		{"H * * * *", 1, `"H" is not a number`},
		{"-5 * * * *", 1, `"" is not a number`},
		{"+5 * * * *", 1, "is not a number"},
		{"1- * * * *", 3, `"" is not a number`},
		{"1-2-3 * * * *", 3, "is not a number"},
		{"*-5 * * * *", 1, "is not a number"},
		{"*/0 * * * *", 3, "not a positive number"},
		{"*/ * * * *", 3, "not a positive number"},
		{"*/-1 * * * *", 3, "not a positive number"},
		{"*/2/3 * * * *", 3, "not a positive number"},
		{"5,61 * * * *", 3, "minute 61"},
		{", * * * *", 1, "names no value"},
		{"99999999999999999999 * * * *", 1, "is not a number"},
		{"ü * * * ä", 1, "is not a number"},
		{"* ü 61 * *", 3, "is not a number"},
		{"@", 1, "is not a descriptor"},
		{"@reboot", 1, "is not a descriptor"},
		{"@Hourly", 1, "is not a descriptor"},
		{"@every", 1, "is not a descriptor"},
		{"@every5m", 1, "is not a descriptor"},
		{"@every ", 8, "is not a duration"},
		{"@every 5", 8, "is not a duration"},
		{"@every  5m", 8, "is not a duration"},
		{"@every 0s", 8, "never ends"},
		{"@every -5m", 8, "never ends"},
		{"@every 1d", 8, "is not a duration"},
		{"@every 999999999h", 8, "is not a duration"},
		{"TZ=UTC", 7, "nothing follows the time zone"},
		{"TZ=UTC ", 8, "nothing follows the time zone"},
		{"TZ=", 4, "nothing follows the time zone"},
		{"CRON_TZ=UTC", 12, "nothing follows the time zone"},
		{"TZ= 0 3 * * *", 4, "unknown time zone"},
		{"TZ=Local 0 3 * * *", 4, "unknown time zone"},
		{"TZ=Europe/Atlantis 0 3 * * *", 4, "unknown time zone"},
		{"TZ=../../etc/passwd 0 3 * * *", 4, "unknown time zone"},
		{"CRON_TZ=Nowhere @daily", 9, "unknown time zone"},
		{"tz=UTC 0 3 * * *", 16, "6 fields"},
		{"TZ=Europe/Berlin 0 3 32 * *", 22, "day of month 32"},
		{"TZ=UTC @reboot", 8, "is not a descriptor"},
	} {
		t.Run(tt.expr, func(t *testing.T) {
			s, err := Parse(tt.expr, nil)
			var parseErr *ParseError
			if !errors.As(err, &parseErr) {
				t.Fatalf("Parse = %+v, %v, want a ParseError", s, err)
			}
			if !strings.Contains(parseErr.Message, tt.message) {
				t.Errorf("message %q, want %q in it", parseErr.Message, tt.message)
			}
			if parseErr.Column != tt.column {
				t.Errorf("column %d, want %d", parseErr.Column, tt.column)
			}
			if parseErr.Hint == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestSundayHint(t *testing.T) {
	_, err := Parse("0 0 * * 7", nil)
	var parseErr *ParseError
	if !errors.As(err, &parseErr) || parseErr.Hint != "Sunday is 0" {
		t.Errorf("err = %#v", err)
	}
}

func TestZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		expr string
		zone *time.Location
		want string
	}{
		{"@daily", nil, "UTC"},
		{"@daily", berlin, "Europe/Berlin"},
		{"TZ=Asia/Tokyo @daily", berlin, "Asia/Tokyo"},
		{"CRON_TZ=UTC @every 1h", berlin, "UTC"},
	} {
		s, err := Parse(tt.expr, tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Zone().String(); got != tt.want {
			t.Errorf("Parse(%q).Zone() = %s, want %s", tt.expr, got, tt.want)
		}
	}
}
