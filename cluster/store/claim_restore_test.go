package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func TestClaimsAreGivenBack(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("a", component("a", "a_c", "image"), route("a", "a_r", "a_c", "mine")))
		old := time.Unix(1000, 0).UTC()
		claim := func(owner, host, object string, since time.Time) cluster.Claim {
			return cluster.Claim{Kind: cluster.ClaimRoute, Key: host + " ", Owner: owner, Object: object, Since: since}
		}
		given := []cluster.Claim{
			claim("a", "mine", "a_r", old),                // older than now
			claim("a", "given up", "a_r", old),            // a is stored without it
			claim("c", "both", "c_r", old.Add(time.Hour)), // younger than that of b
			claim("b", "both", "b_r", old),                // nobody has it
			claim("b", "never", "b_n", old),               // nor this
			{Kind: cluster.ClaimComponent, Key: "a_c", Owner: "c", Object: "a_c", Since: old},
		}
		done, err := s.RestoreClaims(t.Context(), given)
		must(t, err)
		if done.Restored != 1 || done.Reserved != 2 || len(done.Held) != 1 || done.Held[0].Owner != "a" ||
			len(done.Dropped) != 1 || done.Dropped[0].Key != "given up " {
			t.Errorf("%+v", done)
		}
		if again, err := s.RestoreClaims(t.Context(), given); err != nil || again.Restored != 0 || again.Reserved != 0 {
			t.Errorf("again %+v, %v", again, err)
		}
		_, err = s.ApplyProject(t.Context(), request(projectOf("c", component("c", "c_c", "image"), route("c", "c_r", "c_c", "both"))))
		if claims := foreign(t, err); len(claims) != 1 || claims[0].Owner != "b" || !claims[0].Since.Equal(old) {
			t.Errorf("conflicts %+v", claims)
		}
		// The owner takes up what it declares, as of then, and nothing else.
		apply1(t, s, projectOf("b", component("b", "b_c", "image"), route("b", "b_2", "b_c", "both")))
		apply1(t, s, projectOf("c", component("c", "c_c", "image"), route("c", "c_r", "c_c", "never")))
		all, err := s.Claims(t.Context())
		must(t, err)
		got := map[string]cluster.Claim{}
		for _, c := range all {
			got[string(c.Kind)+" "+c.Key] = c
		}
		if len(all) != 9 || !got["route both "].Since.Equal(old) || got["route both "].Object != "b_2" ||
			!got["route mine "].Since.Equal(old) || got["route never "].Owner != "c" || got["component a_c"].Owner != "a" {
			t.Errorf("claims %+v", all)
		}
		_, err = s.ApplyProject(t.Context(), removeRequest("b"))
		must(t, err)
		left, err := s.Claims(t.Context())
		must(t, err)
		if diff := cmp.Diff(6, len(left)); diff != "" {
			t.Errorf("left %+v", left)
		}
	})
}

func TestClaimsThatCannotBeKeptAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		if _, err := s.RestoreClaims(t.Context(), []cluster.Claim{{Kind: cluster.ClaimRoute, Key: "host "}}); err == nil {
			t.Error("a claim without an owner was stored")
		}
	})
}
