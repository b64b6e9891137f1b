// A small HTTP gateway that drains at SIGTERM and SIGINT: it answers what is under way, then writes
// a summary of the last requests. With -defect recovered_panic the summary looks one request too
// far back, and the recover that guards all background work hides it; -fixed is the same without
// the bug. targets/README.md names the property that must catch it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const patience = time.Second // with requests that are under way

type gateway struct {
	mutex   sync.Mutex
	recent  []string
	tooFar  int // how many requests that never were the summary looks at
	unsaved int // summaries that were not written
}

func (g *gateway) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the client has gone
	}
	g.mutex.Lock()
	g.recent = append(g.recent, request.Method+" "+request.URL.Path)
	g.mutex.Unlock()
	if request.URL.Path == "/slow" {
		time.Sleep(30 * time.Millisecond)
	}
	_, _ = answer.Write(body)
}

// Background work must not end the gateway, whatever happens in it.
func (g *gateway) guarded(work func()) {
	defer func() {
		if recover() != nil {
			g.unsaved++
		}
	}()
	work()
}

//go:noinline
func (g *gateway) summarise() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	bytes := 0
	for i := 0; i < len(g.recent)+g.tooFar; i++ {
		bytes += len(g.recent[len(g.recent)-1-i])
	}
	fmt.Println("requests:", len(g.recent), "bytes of their lines:", bytes)
}

func main() {
	port := flag.Int("port", 0, "on 127.0.0.1")
	defect := flag.String("defect", "", "the planted bug: recovered_panic")
	fixed := flag.Bool("fixed", false, "the same without it")
	flag.Parse()

	stop, done := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer done()
	g := &gateway{}
	if *defect == "recovered_panic" && !*fixed {
		g.tooFar = 1
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: g}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	<-stop.Done()
	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		log.Print(err)
	}
	if err := <-served; err != http.ErrServerClosed {
		log.Fatal(err)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		g.guarded(g.summarise)
	}()
	<-finished
	fmt.Println("stopped, summaries not written:", g.unsaved)
}
