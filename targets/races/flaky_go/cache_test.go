// Two tests of a cache that another goroutine clears.
//
// The race, in TestIsReadWhileItIsCleared: the reader asks whether the cache is empty and then takes
// its front. Between the two the cache is cleared, and the front of an empty cache panics.
//
// TestIsReadInOneStepWhileItIsCleared is the same without the race: one call does both.
package flaky

import (
	"sync"
	"testing"
	"time"
)

const untilCleared = 500 * time.Microsecond

type cache struct {
	mutex   sync.Mutex
	entries []uint32
}

func (c *cache) isEmpty() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.entries) == 0
}

func (c *cache) front() uint32 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.entries[0]
}

func (c *cache) frontIfAny() (uint32, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.entries) == 0 {
		return 0, false
	}
	return c.entries[0], true
}

func (c *cache) clear() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.entries = nil
}

// What a reader does with an entry.
func used(entry uint32) (sum uint32) {
	var block [10000]uint32
	for i := range block {
		block[i] = entry + uint32(i)
	}
	for _, word := range block {
		sum = sum*31 + word
	}
	return sum
}

// Reads entries that `next` gives until there are none.
func readToTheEnd(next func(*cache) (uint32, bool)) (sum uint32) {
	c := &cache{entries: []uint32{7}}
	read := make(chan uint32)
	go func() {
		var sum uint32
		for entry, some := next(c); some; entry, some = next(c) {
			sum += used(entry)
		}
		read <- sum
	}()
	time.Sleep(untilCleared)
	c.clear()
	return <-read
}

func TestIsReadWhileItIsCleared(t *testing.T) {
	t.Log(readToTheEnd(func(c *cache) (uint32, bool) {
		if c.isEmpty() {
			return 0, false
		}
		return c.front(), true
	}))
}

func TestIsReadInOneStepWhileItIsCleared(t *testing.T) {
	t.Log(readToTheEnd((*cache).frontIfAny))
}
