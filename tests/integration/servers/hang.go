// An HTTP server that stops as it should, or does not: `hang PORT right|hangs|deaf`. When it hangs, its stop waits for
// workers, and those for jobs. `deaf` takes SIGQUIT for itself, too.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

type pool struct {
	jobs chan int
	done sync.WaitGroup
}

func (p *pool) work() {
	defer p.done.Done()
	for range p.jobs {
	}
}

func (p *pool) drain(hangs bool) {
	if !hangs {
		close(p.jobs)
	}
	p.done.Wait()
}

func main() {
	workers := &pool{jobs: make(chan int)}
	for i := 0; i < 3; i++ {
		workers.done.Add(1)
		go workers.work()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if os.Args[2] == "deaf" {
		signal.Notify(stop, syscall.SIGQUIT)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "ok")
	})}
	go server.Serve(listener)
	fmt.Println("ready")
	<-stop
	server.Shutdown(context.Background())
	workers.drain(os.Args[2] != "right")
}
