package route

import (
	"hash/maphash"
	"maps"
)

const shardCount = 1024

// seed is one for the process: tables of one process share shards.
var seed = maphash.MakeSeed()

// shards is a persistent map from text to V: a copy shares all shards that it
// does not change. The zero value is empty.
type shards[V any] struct {
	spine *[shardCount]map[string]V
	size  int
}

func shardOf(key []byte) uint64 { return maphash.Bytes(seed, key) % shardCount }

func (s *shards[V]) len() int { return s.size }

// get finds key without an allocation.
func (s *shards[V]) get(key []byte) (V, bool) {
	if s.spine == nil {
		var zero V
		return zero, false
	}
	v, ok := s.spine[shardOf(key)][string(key)]
	return v, ok
}

// shardEdit builds the next version of shards: the spine and each shard are
// copied the first time they are touched.
type shardEdit[V any] struct {
	next  shards[V]
	owned [shardCount]bool
	began bool
}

func (e *shardEdit[V]) get(key string) (V, bool) { return e.next.get([]byte(key)) }

func (e *shardEdit[V]) set(key string, v V) {
	shard := e.own(key)
	if _, ok := shard[key]; !ok {
		e.next.size++
	}
	shard[key] = v
}

func (e *shardEdit[V]) delete(key string) {
	if _, ok := e.get(key); !ok {
		return
	}
	delete(e.own(key), key)
	e.next.size--
}

func (e *shardEdit[V]) own(key string) map[string]V {
	if !e.began {
		spine := new([shardCount]map[string]V)
		if e.next.spine != nil {
			*spine = *e.next.spine
		}
		e.next.spine, e.began = spine, true
	}
	i := shardOf([]byte(key))
	if !e.owned[i] {
		e.owned[i] = true
		e.next.spine[i] = maps.Clone(e.next.spine[i])
		if e.next.spine[i] == nil {
			e.next.spine[i] = map[string]V{}
		}
	}
	return e.next.spine[i]
}
