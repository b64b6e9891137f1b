// The race: the ping goroutine asks whether the connection is closed and then sends on its channel.
// Between the two the stop closes the channel, and a send on a closed channel panics.
//
// The mend, with -ldflags "-X main.mended=yes": a mutex makes one step of both.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const betweenPings = time.Millisecond

var mended string

type connection struct {
	mutex  sync.Mutex
	closed atomic.Bool
	outbox chan string
}

// False once the connection is closed.
func (c *connection) ping() bool {
	if mended == "yes" {
		c.mutex.Lock()
		defer c.mutex.Unlock()
	}
	if c.closed.Load() {
		return false
	}
	c.outbox <- "ping"
	return true
}

func (c *connection) close() {
	if mended == "yes" {
		c.mutex.Lock()
		defer c.mutex.Unlock()
	}
	c.closed.Store(true)
	close(c.outbox)
}

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	c := &connection{outbox: make(chan string, 16)}
	sent := make(chan int)
	go func() {
		bytes := 0
		for message := range c.outbox {
			bytes += len(message)
		}
		sent <- bytes
	}()
	go func() {
		for c.ping() {
			time.Sleep(betweenPings)
		}
	}()
	fmt.Println("ready")
	<-stop
	c.close()
	fmt.Println(<-sent, "bytes sent")
}
