// Breaks in the way its argument names.
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

type config struct{ name string }

func overflow(n int) int { return overflow(n+1) + 1 }

func main() {
	switch os.Args[1] {
	case "nil-map":
		var m map[string]int
		m["a"] = len(os.Args)
	case "nil-pointer":
		var c *config
		fmt.Println(c.name)
	case "index-out-of-range":
		fmt.Println(os.Args[len(os.Args)])
	case "closed-channel":
		c := make(chan int)
		close(c)
		c <- 1
	case "goroutine":
		go func() { panic(fmt.Errorf("worker: %w", os.ErrClosed)) }()
		time.Sleep(time.Second)
	case "repanic":
		defer func() { panic(fmt.Sprint("while cleaning up after: ", recover())) }()
		panic("first")
	case "log-panic":
		log.Panicln("cannot go on")
	case "recovered-http":
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
		_, err := http.Get(s.URL)
		fmt.Println("client saw:", err != nil)
	case "recovered-print-stack":
		defer fmt.Println("went on")
		defer func() { fmt.Fprintln(os.Stderr, "panic:", recover()); debug.PrintStack() }()
		panic("boom")
	case "deadlock":
		var w sync.WaitGroup
		w.Add(1)
		w.Wait()
	case "goexit-main":
		runtime.Goexit()
	case "concurrent-map-writes":
		m := map[int]int{}
		for g := 0; g < 8; g++ {
			go func() {
				for i := 0; ; i++ {
					m[i%100] = i
				}
			}()
		}
		time.Sleep(10 * time.Second)
	case "unlock-of-unlocked":
		var m sync.Mutex
		m.Unlock()
	case "negative-wait-group":
		var w sync.WaitGroup
		w.Done()
	case "stack-overflow":
		debug.SetMaxStack(1 << 20)
		fmt.Println(overflow(0))
	case "data-race":
		n := 0
		done := make(chan bool)
		go func() { n++; done <- true }()
		n++
		<-done
		fmt.Println(n)
	case "signal-in-c":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Second)
	}
}
