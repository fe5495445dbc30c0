package project

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/project/schedule"
)

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	m, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAwakeMinimum(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const hour = 3600
	day := []AwakeWindow{{Cron: "0 8 * * mon-fri", ForSeconds: 10 * hour, Min: 2}}
	night := []AwakeWindow{{Cron: "0 22 * * *", ForSeconds: 10 * hour}}
	gap := []AwakeWindow{{Cron: "30 2 * * *", ForSeconds: hour}}
	for _, tt := range []struct {
		name    string
		windows []AwakeWindow
		now     string
		min     int
		changes string
	}{
		{"no windows", nil, "2025-06-02T08:00:00+02:00", 0, ""},
		{"before", day, "2025-06-02T07:59:59+02:00", 0, "2025-06-02T08:00:00+02:00"},
		{"at the beginning", day, "2025-06-02T08:00:00+02:00", 2, "2025-06-02T18:00:00+02:00"},
		{"within", day, "2025-06-02T17:59:59+02:00", 2, "2025-06-02T18:00:00+02:00"},
		{"at the end", day, "2025-06-02T18:00:00+02:00", 0, "2025-06-03T08:00:00+02:00"},
		{"over the weekend", day, "2025-06-06T18:00:00+02:00", 0, "2025-06-09T08:00:00+02:00"},
		{"of its own zone", []AwakeWindow{{Cron: "TZ=UTC 0 8 * * *", ForSeconds: hour, Min: 1}}, "2025-06-02T10:30:00+02:00", 1, "2025-06-02T09:00:00Z"},
		{"past midnight", night, "2025-06-02T07:00:00+02:00", 1, "2025-06-02T08:00:00+02:00"},
		{"the largest of two", append(day, AwakeWindow{Cron: "0 12 * * *", ForSeconds: hour, Min: 5}), "2025-06-02T12:30:00+02:00", 5, "2025-06-02T13:00:00+02:00"},
		{"the larger one goes on", append(day, AwakeWindow{Cron: "0 12 * * *", ForSeconds: hour, Min: 1}), "2025-06-02T12:30:00+02:00", 2, "2025-06-02T13:00:00+02:00"},
		{"the next of another", append(day, AwakeWindow{Cron: "0 12 * * *", ForSeconds: hour}), "2025-06-02T10:00:00+02:00", 2, "2025-06-02T12:00:00+02:00"},
		{"one that begins within the one before", []AwakeWindow{{Cron: "0 8,9 * * *", ForSeconds: 2 * hour}}, "2025-06-02T08:30:00+02:00", 1, "2025-06-02T11:00:00+02:00"},
		{"one that begins at the end of the one before", []AwakeWindow{{Cron: "0 8,10 * * *", ForSeconds: 2 * hour}}, "2025-06-02T08:30:00+02:00", 1, "2025-06-02T12:00:00+02:00"},
		{"weeks, until one is longer", []AwakeWindow{{Cron: "0 0 * * mon", ForSeconds: 7 * 24 * hour}}, "2025-06-02T00:00:00+02:00", 1, "2025-10-26T23:00:00+01:00"},
		{"each minute, as far as is looked", []AwakeWindow{{Cron: "* * * * *", ForSeconds: 60}}, "2025-06-02T12:30:30Z", 1, "2025-06-02T13:35:00Z"},
		{"at intervals", []AwakeWindow{{Cron: "@every 6h", ForSeconds: hour}}, "2025-06-02T12:30:00Z", 1, "2025-06-02T13:00:00Z"},
		{"never", []AwakeWindow{{Cron: "0 0 30 2 *", ForSeconds: hour}}, "2025-06-02T12:30:00Z", 0, ""},
		{"never, and another one", append([]AwakeWindow{{Cron: "0 0 30 2 *", ForSeconds: hour}}, night...), "2025-06-02T12:30:00Z", 0, "2025-06-02T20:00:00Z"},
		{"a schedule that can't be read", []AwakeWindow{{Cron: "x", ForSeconds: hour}}, "2025-06-02T12:30:00Z", 0, ""},

		// 2025-03-30: 02:00 +01:00 becomes 03:00 +02:00.
		{"the night that is shorter", night, "2025-03-30T08:30:00+02:00", 1, "2025-03-30T09:00:00+02:00"},
		{"the end of the night that is shorter", night, "2025-03-30T09:00:00+02:00", 0, "2025-03-30T22:00:00+02:00"},
		{"the day with the gap", gap, "2025-03-30T03:10:00+02:00", 0, "2025-03-31T02:30:00+02:00"},
		{"the day before the gap", gap, "2025-03-29T02:40:00+01:00", 1, "2025-03-29T03:30:00+01:00"},
		{"hourly over the gap", []AwakeWindow{{Cron: "0 * * * *", ForSeconds: hour / 2}}, "2025-03-30T01:45:00+01:00", 0, "2025-03-30T03:00:00+02:00"},
		// 2025-10-26: 03:00 +02:00 becomes 02:00 +01:00.
		{"the night that is longer", night, "2025-10-26T06:30:00+01:00", 1, "2025-10-26T07:00:00+01:00"},
		{"the end of the night that is longer", night, "2025-10-26T07:00:00+01:00", 0, "2025-10-26T22:00:00+01:00"},
		{"an hour that comes twice", gap, "2025-10-26T02:40:00+02:00", 1, "2025-10-26T03:30:00+01:00"},
		{"half of an hour that comes twice", []AwakeWindow{{Cron: "30 2 * * *", ForSeconds: hour / 2}}, "2025-10-26T02:10:00+01:00", 0, "2025-10-26T02:30:00+01:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Component{Awake: tt.windows}
			got, changes := c.AwakeMinimum(moment(t, tt.now), berlin)
			if want := moment(t, tt.changes); got != tt.min || !changes.Equal(want) {
				t.Errorf("min %d until %s, want %d until %s", got, changes, tt.min, want)
			}
		})
	}
}

// At each moment before changes the answer is the same, and it is that of
// looking at each firing.
func TestAwakeMinimumAgreesWithItsMeaning(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"}
	starts := []string{"2025-03-29T00:00:00Z", "2025-10-25T12:00:00Z", "2025-04-05T03:00:00Z", "2025-06-14T10:20:30Z"}
	window := rapid.Custom(func(t *rapid.T) AwakeWindow {
		return AwakeWindow{
			Cron:       rapid.SampledFrom([]string{"0 8 * * *", "30 2 * * *", "0 */6 * * *", "*/20 * * * *", "@hourly", "@every 5h", "TZ=Asia/Tokyo 15 9 * * *"}).Draw(t, "cron"),
			ForSeconds: rapid.SampledFrom([]int{60, 1200, 3600, 7200, 36000, 90000}).Draw(t, "for"),
			Min:        rapid.IntRange(0, 3).Draw(t, "min"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		start, _ := time.Parse(time.RFC3339, rapid.SampledFrom(starts).Draw(t, "start"))
		now := start.Add(time.Duration(rapid.IntRange(0, 2*86400).Draw(t, "seconds")) * time.Second)
		c := Component{Awake: rapid.SliceOfN(window, 1, 3).Draw(t, "windows")}
		got, changes := c.AwakeMinimum(now, zone)
		if want := plainMinimum(c.Awake, now, zone); got != want {
			t.Fatalf("at %s: %d, want %d", now, got, want)
		}
		if !changes.After(now) {
			t.Fatalf("at %s: changes at %s", now, changes)
		}
		for _, part := range []time.Duration{1, 2, 3, 5, 7} {
			at := now.Add(changes.Sub(now) / (part + 1) * part)
			if later := plainMinimum(c.Awake, at, zone); later != got {
				t.Fatalf("at %s: %d until %s, but %d at %s", now, got, changes, later, at)
			}
		}
	})
}

func plainMinimum(windows []AwakeWindow, now time.Time, zone *time.Location) int {
	most := 0
	for _, w := range windows {
		s, err := schedule.Parse(w.Cron, zone)
		if err != nil {
			continue
		}
		length := time.Duration(w.ForSeconds) * time.Second
		for at := s.Next(now.Add(-100*time.Hour), time.Unix(0, 0)); !at.After(now); at = s.Next(at, time.Unix(0, 0)) {
			if now.Sub(at) < length {
				most = max(most, w.Min, 1)
			}
		}
	}
	return most
}

func BenchmarkAwakeMinimum(b *testing.B) {
	c := Component{Awake: []AwakeWindow{{Cron: "TZ=Europe/Berlin 0 8 * * mon-fri", ForSeconds: 36000, Min: 2}}}
	now := moment(b, "2025-06-02T12:30:00Z")
	for b.Loop() {
		c.AwakeMinimum(now, time.UTC)
	}
}
