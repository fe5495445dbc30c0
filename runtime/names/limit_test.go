package names

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimits(t *testing.T) {
	one, two := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	t.Run("under way", func(t *testing.T) {
		l := newLimiter()
		var leave func()
		for range mostOfOne {
			var ok bool
			if leave, ok = l.enter(one); !ok {
				t.Fatal("kept out below the limit")
			}
		}
		if _, ok := l.enter(one); ok {
			t.Error("let in beyond the limit of one")
		}
		if _, ok := l.enter(two); !ok {
			t.Error("one keeps another out")
		}
		leave()
		if _, ok := l.enter(one); !ok {
			t.Error("kept out after one left")
		}
	})
	t.Run("all", func(t *testing.T) {
		l := newLimiter()
		address := one
		for i := range mostUnderWay {
			if i%mostOfOne == 0 {
				address = address.Next()
			}
			if _, ok := l.enter(address); !ok {
				t.Fatal("kept out below the limit")
			}
		}
		if _, ok := l.enter(address.Next()); ok {
			t.Error("let in beyond the limit of all")
		}
	})
	t.Run("rate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter()
			passed := func(tries int) (n int) {
				for range tries {
					if leave, ok := l.enter(one); ok {
						leave()
						n++
					}
				}
				return n
			}
			if n := passed(2 * burstOfOne); n != burstOfOne {
				t.Errorf("a burst of %d", n)
			}
			<-time.After(time.Second)
			if n := passed(2 * burstOfOne); n != rateOfOne {
				t.Errorf("%d a second later", n)
			}
		})
	})
	t.Run("sources are forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter()
			address := one
			for range mostSources {
				leave, ok := l.enter(address)
				if !ok {
					t.Fatal("kept out")
				}
				leave()
				address = address.Next()
			}
			if _, ok := l.enter(address); ok {
				t.Error("more sources than are remembered")
			}
			<-time.After(time.Minute)
			if _, ok := l.enter(address); !ok || len(l.sources) != 1 {
				t.Errorf("let in %t, %d sources remembered", ok, len(l.sources))
			}
		})
	})
}
