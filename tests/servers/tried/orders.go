// An order service as Go's documentation has it: a mux, TLS with HTTP/2, a log line an order. The last argument says how it
// stops: "shutdown" lets requests finish, "close" ends them, which is planted.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	address, certificate, key, way := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		time.Sleep(40 * time.Millisecond) // the database
		fmt.Fprintln(answer, "ordered")
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 2 * time.Second, ErrorLog: log.New(os.Stderr, "http: ", 0)}
	told, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer forget()
	finished := make(chan error)
	go func() {
		<-told.Done()
		if way == "close" {
			finished <- server.Close()
			return
		}
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		finished <- server.Shutdown(limit)
	}()
	serve := func() error { return server.ListenAndServeTLS(certificate, key) }
	if certificate == "" {
		serve = server.ListenAndServe
	}
	if err := serve(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-finished; err != nil {
		log.Print("not everything was finished: ", err)
	}
}
