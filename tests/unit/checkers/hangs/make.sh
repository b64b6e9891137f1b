#!/bin/bash
# Makes the samples of this folder again: what the servers of tests/integration/servers write when they hang at SIGTERM
# and are then asked. `make.sh` on Debian 12 with golang, openjdk-17-jdk-headless, nodejs and python3. Everything runs in
# APP, so that no sample names the machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
app=${APP:-/srv/app}
mkdir -p "$app" && cp "$here"/../../../integration/servers/{hang.*,Hang.java} "$app" && cd "$app"
export LC_ALL=C.UTF-8 GOCACHE=$app/.gocache GOFLAGS=-trimpath PYTHONFAULTHANDLER=1
ulimit -c 0

# sample NAME SIGNAL COMMAND…: what the command writes after SIGTERM, once the signal came.
sample() {
  local name=$1 signal=$2
  shift 2
  rm -f "$app/out"
  "$@" >"$app/out" 2>&1 &
  until grep -qs ready "$app/out"; do sleep 0.1; done
  kill -TERM $!
  sleep 2
  kill -"$signal" $!
  sleep 1
  kill -KILL $! 2>/dev/null || true
  wait $! 2>/dev/null || true
  sed 1d "$app/out" >"$here/$name.txt"
}

# That of Debian, and a newer one if PATH leads to it.
for go in /usr/lib/go/bin/go go; do
  "$go" build -o hang-go hang.go
  sample "$("$go" env GOVERSION | sed -E 's/^go([0-9]+\.[0-9]+).*/go-\1/')" QUIT ./hang-go 0 hangs
done
javac Hang.java
sample java QUIT java -cp "$app" Hang 0 hangs
sample java-monitor QUIT java -cp "$app" Hang 0 monitor
sample python ABRT "${PYTHON:-/usr/bin/python3}" hang.py 0 hangs
# Node's report, without what names the machine.
NODE_OPTIONS="--report-on-signal --report-signal=SIGSTKFLT --report-directory=$app" sample node STKFLT node hang.js 3000 hangs
node -e '
  const fs = require("fs");
  const name = fs.readdirSync(".").find(file => file.startsWith("report."));
  const {header, libuv, workers} = JSON.parse(fs.readFileSync(name));
  const {reportVersion, event, trigger, processId, nodejsVersion} = header;
  console.log(JSON.stringify({header: {reportVersion, event, trigger, processId, nodejsVersion}, libuv, workers}, null, 1));
' >"$here/node.json"
rm "$here/node.txt"
