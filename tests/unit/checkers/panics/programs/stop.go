// An HTTP server that stops as it should on SIGTERM; SIGQUIT asks the runtime for its stacks.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	server := &http.Server{Addr: "127.0.0.1:18081"}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); log.Print("request aborted: ", r.Context().Err()) })
	server.RegisterOnShutdown(func() { log.Print("draining: new requests are refused, terminating idle connections") })
	go func() {
		log.Print("listening on ", server.Addr)
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		} else {
			log.Print(err)
		}
	}()
	<-ctx.Done()
	slog.Info("shutting down", "cause", context.Cause(ctx), "panics", 0, "goroutine", "main")
	deadline, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		slog.Error("shutdown: connections aborted", "err", err)
	}
	log.Print("bye")
}
