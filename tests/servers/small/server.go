// A small HTTP server: `server MODE PORT`. What each MODE is, right or wrong, says ../strangers.py.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

var mode = os.Args[1]
var requests atomic.Int64

// The last three of a list that is shorter.
//
//go:noinline
func summarise(orders []int) int {
	return orders[len(orders)-3]
}

// Recovers silently, as guards of background work do.
func guarded(work func()) {
	defer func() { _ = recover() }()
	work()
}

// Recovers and says so, behind a line of progress.
func logged(work func()) {
	defer func() {
		if err := recover(); err != nil {
			fmt.Fprintf(os.Stderr, "panic: %v [recovered]\n\n%s\n", err, debug.Stack())
		}
	}()
	fmt.Fprint(os.Stderr, strings.Repeat(".", 10_000))
	work()
}

func answer(w http.ResponseWriter, _ *http.Request) {
	if requests.Add(1) == 3 {
		switch mode {
		case "swallowed":
			guarded(func() { summarise([]int{1, 2}) })
		case "behind_dots":
			logged(func() { panic("a bad order") })
		}
	}
	fmt.Fprint(w, "ok")
}

// Waits for a worker that waits for a job: nobody closes the queue.
func drainQueue() {
	queue := make(chan int)
	var workers sync.WaitGroup
	workers.Add(1)
	go func() {
		defer workers.Done()
		for range queue {
		}
	}()
	workers.Wait()
}

func main() {
	server := http.Server{Addr: "127.0.0.1:" + os.Args[2], Handler: http.HandlerFunc(answer)}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go server.ListenAndServe()
	<-stop.Done()
	server.Shutdown(context.Background())
	if mode == "channel_deadlock" {
		drainQueue()
	}
}
