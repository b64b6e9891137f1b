#!/bin/bash
# Makes the samples of this folder again by running the runtimes themselves: `make.sh [RUNTIME…]`, all of them without
# an argument. Debian 12 with: golang, rustc, nodejs, python3, openjdk-17-jdk-headless, g++, clang-14
# libclang-rt-14-dev, python3-loguru, ruby, erlang-base, elixir, mono-runtime, mono-mcs, nginx,
# haproxy, apache2, redis-server, postgresql-15. DOTNET names the `dotnet` of a .NET
# runtime (the wheel dotnetcore2 of PyPI has one). Everything runs in APP, so that no sample names the machine.
set -u
here=$(cd "$(dirname "$0")" && pwd)
app=${APP:-/srv/app}
lines=80  # of a sample are kept: what follows are frames
mkdir -p "$app" && cp "$here"/programs/* "$app" && cd "$app" || exit 1
ulimit -c 0
export LC_ALL=C.UTF-8 GOCACHE=$app/.gocache GOFLAGS=-trimpath RUST_BACKTRACE=0

# The kernel's release is that of whoever made the sample.
keep() { head -n $lines | sed "s/$(uname -r)/6.1.0/g" >"$here/$1.txt"; }

# sample NAME COMMAND…: what the command writes to standard output and error.
sample() {
  local name=$1
  shift
  { timeout -k 1 60 "$@" 2>&1; } 2>/dev/null | keep "$name"
  [ -s "$here/$name.txt" ] || { echo "$name: no output" >&2; rm -f "$here/$name.txt"; }
}

make_go() {
  CGO_ENABLED=0 go build -o crash-go crash.go && go build -race -o crash-go-race crash.go && go build -o crash-cgo cgo.go || return
  for kind in nil-map nil-pointer index-out-of-range closed-channel goroutine repanic log-panic recovered-http \
    recovered-print-stack deadlock goexit-main concurrent-map-writes unlock-of-unlocked negative-wait-group \
    stack-overflow signal-in-c; do
    sample go-$kind ./crash-go $kind
  done
  sample go-fatal-without-trace env GOTRACEBACK=none ./crash-go deadlock
  sample go-fatal-system-trace env GOTRACEBACK=system ./crash-go unlock-of-unlocked
  sample go-in-container sh -c "./crash-go goroutine 2>&1 | sed 's/^/web_1  | /'"
  sample go-in-syslog sh -c "./crash-go nil-pointer 2>&1 | sed 's/^/Nov 21 08:41:30 host app[77]: /'"
  sample go-data-race ./crash-go-race data-race
  sample go-c-segfault ./crash-cgo wild
  sample go-c-abort ./crash-cgo abort
}

make_rust() {
  rustc --edition 2021 -A warnings -C debug-assertions=on -o crash-rust crash.rs || return
  rustc --edition 2021 -A warnings -C panic=abort -o crash-rust-abort crash.rs || return
  for kind in unwrap-none unwrap-err index-out-of-bounds overflow thread named-thread recovered refcell double \
    cannot-unwind stack-overflow out-of-memory poisoned; do
    sample rust-$kind ./crash-rust $kind
  done
  sample rust-backtrace env RUST_BACKTRACE=1 ./crash-rust unwrap-none
  sample rust-in-syslog sh -c "RUST_BACKTRACE=1 ./crash-rust unwrap-none 2>&1 | sed 's/^/Nov 21 08:41:30 host app[77]: /'"
  sample rust-panic-abort ./crash-rust-abort unwrap-none
}

make_node() {
  for kind in uncaught-exception type-error thrown-string thrown-object error-with-properties error-with-cause in-timer \
    unhandled-rejection unhandled-rejection-value unhandled-error-event address-in-use worker assert stack-overflow \
    abort; do
    sample node-$kind node crash.js $kind
  done
  sample node-module node crash.mjs
  sample node-unhandled-rejection-warning node --unhandled-rejections=warn crash.js unhandled-rejection-warning
  sample node-out-of-memory node --max-old-space-size=32 crash.js out-of-memory
  sample node-trace-uncaught node --trace-uncaught crash.js thrown-string
}

make_python() {
  for kind in traceback traceback-chained traceback-thread process task-never-retrieved future-never-retrieved \
    asyncio-callback exception-group exception-ignored logged logged-json progress-dots segfault fatal-error recursion http-handler \
    atexit destroyed-task run-shutdown async-generator exception-handler callback-in-log callback-in-json protocol \
    future-callback initializer finalizer low-thread thread-hook logging-error loguru loguru-chained; do
    sample python-$kind /usr/bin/python3 crash.py $kind
  done
  # The words that other versions have: PYTHONS is a folder with 3.7, 3.8 and 3.13.
  sample python-low-thread-3.7 "$PYTHONS/3.7/bin/python" crash.py low-thread
  sample python-atexit-3.8 "$PYTHONS/3.8/bin/python" crash.py atexit
  for kind in atexit connected; do sample python-$kind-3.13 "$PYTHONS/3.13/bin/python" crash.py $kind; done
  # As a container's log and as syslog show it.
  sample python-in-container sh -c "/usr/bin/python3 crash.py traceback 2>&1 | sed 's/^/web_1  | /'"
  sample python-in-syslog sh -c "/usr/bin/python3 crash.py logged 2>&1 | sed 's/^/Nov 21 08:41:30 host app[77]: /'"
  sample python-fatal-error-start env PYTHONHOME=/srv/none /usr/bin/python3 crash.py traceback
}

make_java() {
  javac -Xlint:none Crash.java 2>/dev/null || return
  for kind in uncaught-main null-pointer uncaught-thread uncaught-executor uncaught-timer shutdown-hook stack-overflow \
    static-initialiser class-cast handler-failed segfault; do
    sample java-$kind java -XX:-CreateCoredumpOnCrash -XX:ErrorFile=/dev/null Crash $kind
  done
  sample java-out-of-memory java -Xmx16m Crash fill
  sample java-out-of-memory-exit java -Xmx16m -XX:+ExitOnOutOfMemoryError Crash fill
  sample java-out-of-memory-crash java -Xmx16m -XX:+CrashOnOutOfMemoryError -XX:-CreateCoredumpOnCrash \
    -XX:ErrorFile=/dev/null Crash fill
  sample java-out-of-memory-dump java -Xmx16m -XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=/dev/null Crash fill
  sample java-no-memory-at-start java -Xms1000g -Xmx1000g Crash fill
}

make_cpp() {
  g++ -std=c++20 -w -O0 -g -fstack-protector-all -pthread -o crash-cpp crash.cpp || return
  g++ -std=c++20 -w -O2 -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS -pthread -o crash-cpp-checked crash.cpp || return
  g++ -std=c++20 -w -D_GLIBCXX_DEBUG -pthread -o crash-cpp-debug crash.cpp || return
  for kind in throw throw-int thread joinable-thread noexcept throw-twice pure-virtual assert at smash \
    double-free double-free-large invalid-pointer munmap-chunk corrupted-top corrupted-size realloc cancelled; do
    sample cpp-$kind ./crash-cpp $kind
  done
  sample cpp-library-assert ./crash-cpp-checked library-assert
  sample cpp-fortify ./crash-cpp-checked fortify
  sample cpp-library-debug ./crash-cpp-debug library-assert
  for kind in segfault abort trap bus divide; do
    printf './crash-cpp %s\necho went on\n' $kind >run.sh
    sample shell-$kind bash run.sh
  done
}

make_sanitizers() {
  local flags="-std=c++20 -w -O1 -g -fno-omit-frame-pointer -pthread"
  g++ $flags -fsanitize=address -o san-address sanitized.cpp && g++ $flags -fsanitize=leak -o san-leak sanitized.cpp &&
    g++ $flags -fsanitize=undefined -o san-undefined sanitized.cpp &&
    g++ $flags -fsanitize=thread -o san-thread sanitized.cpp &&
    clang++-14 $flags -fsanitize=memory -o san-memory sanitized.cpp &&
    clang++-14 $flags -fsanitize=undefined -o san-undefined-clang sanitized.cpp &&
    clang++-14 $flags -fsanitize=undefined -fsanitize-minimal-runtime -o san-minimal sanitized.cpp || return
  for kind in use-after-free heap-buffer-overflow stack-buffer-overflow double-free segv leak; do
    sample sanitizer-address-$kind ./san-address $kind
  done
  sample sanitizer-leak ./san-leak leak
  for kind in overflow null; do sample sanitizer-undefined-$kind ./san-undefined $kind; done
  sample sanitizer-undefined-segv ./san-undefined-clang segv  # GCC's does not catch signals
  sample sanitizer-undefined-summary env UBSAN_OPTIONS=print_summary=1:report_error_type=1 ./san-undefined overflow
  sample sanitizer-undefined-minimal ./san-minimal overflow
  for kind in data-race lock-order segv; do sample sanitizer-thread-$kind ./san-thread $kind; done
  for kind in uninitialised segv; do sample sanitizer-memory-$kind ./san-memory $kind; done
}

make_ruby() {
  for kind in uncaught no-method custom-class empty-message multi-line cause thread deadlock frozen stack-overflow \
    segfault at-exit full-message; do
    sample ruby-$kind ruby crash.rb $kind
  done
}

make_erlang() {
  erlc crash.erl 2>/dev/null || return
  for kind in process process-throw gen-server proc-lib supervised boot halt out-of-memory; do
    sample erlang-$kind env ERL_CRASH_DUMP=/dev/null erl -noshell -s crash boot -extra $kind
  done
}

make_elixir() {
  for kind in uncaught process task gen-server; do sample elixir-$kind elixir crash.exs $kind; done
}

make_dotnet() {
  mcs -langversion:7 -out:crash.exe crash.cs 2>/dev/null || return
  for kind in uncaught null-reference thread task async-void fail-fast stack-overflow segfault; do
    sample mono-$kind mono --debug crash.exe $kind
  done
  [ -n "${DOTNET:-}" ] || { echo "no DOTNET: its samples stay as they are" >&2; return; }
  cp crash.exe crash.dll
  echo '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}' >crash.runtimeconfig.json
  for kind in uncaught null-reference thread task async-void fail-fast stack-overflow segfault; do
    sample dotnet-$kind env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$DOTNET" crash.dll $kind
  done
}

# crashed_child NAME PORT SIGNAL COMMAND…: what a master says when one of its processes crashes.
crashed_child() {
  local name=$1 port=$2 signal=$3 out master child
  shift 3
  out=$(mktemp)
  "$@" >"$out" 2>&1 &
  master=$!
  for _ in $(seq 300); do (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
  sleep 1
  child=$(pgrep -P $master | tail -1)
  kill -"$signal" "${child:-$master}"
  sleep 2
  kill -TERM $master 2>/dev/null
  wait $master 2>/dev/null
  keep "$name" <"$out"
  rm "$out"
}

make_masters() {
  printf 'daemon off; pid nginx.pid;\nevents {}\nhttp { access_log off; server { listen 127.0.0.1:18080; } }\n' >nginx.conf
  crashed_child nginx-worker-segfault 18080 SEGV nginx -p "$app" -c "$app/nginx.conf" -e stderr -g "error_log stderr notice;"
  crashed_child nginx-worker-abort 18080 ABRT nginx -p "$app" -c "$app/nginx.conf" -e stderr -g "error_log stderr notice;"
  printf 'defaults\n  mode http\n  timeout connect 1s\n  timeout client 2s\n  timeout server 2s\nfrontend f\n  bind 127.0.0.1:18092\n' >haproxy.cfg
  crashed_child haproxy-worker-abort 18092 ABRT haproxy -W -f haproxy.cfg
  printf 'ServerName server\nServerRoot %s\nLoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\nLoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\nListen 127.0.0.1:18095\nPidFile %s/apache.pid\nErrorLog /dev/stderr\n' "$app" "$app" >apache.conf
  crashed_child apache-child-abort 18095 ABRT apache2 -f "$app/apache.conf" -DFOREGROUND
  crashed_child redis-segfault 18090 SEGV redis-server --port 18090 --bind 127.0.0.1 --dir "$app"
  local postgres
  postgres=$(ls /usr/lib/postgresql/*/bin/postgres | head -1)
  rm -rf "$app/pg" && mkdir "$app/pg" && chown postgres "$app/pg"
  setpriv --reuid postgres --clear-groups "${postgres%/*}/initdb" -D "$app/pg" -A trust -E UTF8 --no-locale >/dev/null 2>&1
  crashed_child postgres-child-abort 18097 ABRT setpriv --reuid postgres --clear-groups "$postgres" -D "$app/pg" -p 18097 \
    -c unix_socket_directories=
}

all="go rust node python java cpp sanitizers ruby erlang elixir dotnet masters"
for runtime in "${@:-$all}"; do
  for r in $runtime; do make_"$r" || echo "$r: failed" >&2; done
done
