#!/bin/bash
# Makes the samples of quiet/ again: real servers and runtimes, started, used once and stopped as they should be. All
# of them, or those that are named: `quiet.sh [NAME…]`. Besides what make.sh needs: redis-server, mosquitto, haproxy,
# memcached, caddy, apache2, lighttpd, postgresql-15, curl. A server that is not installed is skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
app=${APP:-/srv/app}
mkdir -p "$app/www" && cp "$here"/programs/* "$app" && cd "$app" || exit 1
ulimit -c 0
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin GOCACHE=$app/.gocache GOFLAGS=-trimpath
wanted=" $* "
echo hello >www/index.html

# quiet NAME PORT SIGNALS COMMAND…: start, wait for the port, use it, send the signals one after the other. The
# command's own output is the sample. Port 0: nothing to wait for but the first line.
quiet() {
  local name=$1 port=$2 signals=$3 out pid
  shift 3
  [[ "$wanted" == "  " || "$wanted" == *" $name "* ]] || return
  command -v "$1" >/dev/null || { echo "$name: $1 is not installed" >&2; return; }
  out=$(mktemp)
  "$@" >"$out" 2>&1 </dev/null &
  pid=$!
  for _ in $(seq 100); do
    if [ "$port" = 0 ]; then [ -s "$out" ] && break; else (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; fi
    sleep 0.1
  done
  if [ -n "${PATHS:-}" ]; then for path in $PATHS; do curl -s -m 2 "http://127.0.0.1:$port$path" >/dev/null; done; fi
  sleep 0.3
  for signal in $signals; do kill -"$signal" $pid && sleep 0.5; done
  for _ in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
  kill -KILL $pid 2>/dev/null && echo "$name: had to be killed" >&2
  wait $pid 2>/dev/null
  head -n 200 "$out" | sed "s/$(uname -r)/6.1.0/g; s/\\b$(hostname)\\b/server/g" >"$here/quiet/$name.txt"
  [ -s "$here/quiet/$name.txt" ] || { echo "$name: no output" >&2; rm "$here/quiet/$name.txt"; }
  rm "$out"
}

printf 'daemon off; pid nginx.pid; worker_processes 2;\nevents {}\nhttp { access_log off; server { listen 127.0.0.1:18080; root %s/www; } }\n' "$app" >nginx.conf
for signal in QUIT TERM INT; do
  PATHS="/ /none" quiet nginx-sig${signal,,} 18080 $signal nginx -p "$app" -c "$app/nginx.conf" -e stderr -g "error_log stderr info;"
done
PATHS=/ quiet nginx-debug 18080 "HUP QUIT" nginx -p "$app" -c "$app/nginx.conf" -e stderr -g "error_log stderr notice;"

quiet redis-sigterm 18090 TERM redis-server --port 18090 --bind 127.0.0.1 --dir "$app" --loglevel verbose
quiet redis-sigint 18090 INT redis-server --port 18090 --bind 127.0.0.1 --dir "$app" --appendonly yes
printf 'listener 18091 127.0.0.1\nallow_anonymous true\nlog_type all\nuser root\n' >mosquitto.conf
quiet mosquitto-sigterm 18091 TERM mosquitto -v -c mosquitto.conf
printf 'global\n  log stderr format raw local0\n  hard-stop-after 3s\ndefaults\n  mode http\n  log global\n  option httplog\n  timeout connect 1s\n  timeout client 2s\n  timeout server 2s\nfrontend f\n  bind 127.0.0.1:18092\n  default_backend b\nbackend b\n  server s 127.0.0.1:1 check\n' >haproxy.cfg
PATHS=/ quiet haproxy-sigusr1 18092 USR1 haproxy -W -f haproxy.cfg
PATHS=/ quiet haproxy-sigterm 18092 TERM haproxy -W -f haproxy.cfg
quiet memcached-sigterm 18093 TERM memcached -vv -u root -l 127.0.0.1 -p 18093
quiet memcached-sigusr1 18093 USR1 memcached -v -u root -l 127.0.0.1 -p 18093
printf '{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:18094 {\n root * %s/www\n file_server\n log\n}\n' "$app" >Caddyfile
PATHS="/ /none" quiet caddy-sigterm 18094 TERM env HOME="$app" caddy run --config Caddyfile --adapter caddyfile
quiet caddy-sigint 18094 INT env HOME="$app" caddy run --config Caddyfile --adapter caddyfile
cat >apache.conf <<C
ServerName server
ServerRoot $app
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
Listen 127.0.0.1:18095
PidFile $app/apache.pid
DocumentRoot $app/www
ErrorLog /dev/stderr
LogLevel debug
C
PATHS="/ /none" quiet apache-sigwinch 18095 WINCH apache2 -f "$app/apache.conf" -DFOREGROUND
PATHS=/ quiet apache-sigterm 18095 TERM apache2 -f "$app/apache.conf" -DFOREGROUND
printf 'server.document-root = "%s/www"\nserver.port = 18096\nserver.bind = "127.0.0.1"\nserver.errorlog = "/dev/stderr"\nserver.modules = ("mod_accesslog")\naccesslog.filename = "/dev/stderr"\n' "$app" >lighttpd.conf
PATHS=/ quiet lighttpd-sigterm 18096 TERM lighttpd -D -f lighttpd.conf
PATHS=/ quiet lighttpd-sigint 18096 INT lighttpd -D -f lighttpd.conf
postgres=$(ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null | head -1)
if [ -n "$postgres" ]; then
  rm -rf "$app/pg" && mkdir "$app/pg" && chown postgres "$app/pg"
  setpriv --reuid postgres --clear-groups "${postgres%/*}/initdb" -D "$app/pg" -A trust -E UTF8 --no-locale >/dev/null 2>&1
  for signal in TERM INT QUIT; do
    quiet postgres-sig${signal,,} 18097 $signal setpriv --reuid postgres --clear-groups "$postgres" -D "$app/pg" -p 18097 \
      -c unix_socket_directories= -c log_connections=on -c log_disconnections=on -c log_min_messages=debug1
  done
fi

go build -o stop-go stop.go
PATHS="/ /abort /slow" quiet go-sigterm 18081 TERM ./stop-go
quiet go-sigquit-asks-for-stacks 18081 QUIT ./stop-go
PATHS="/ /fails" quiet node-sigterm 18082 TERM node stop.js
PATHS="/ /none" quiet python-http-sigterm 18083 TERM /usr/bin/python3 stop.py http
quiet python-asyncio-sigterm 18083 TERM /usr/bin/python3 stop.py asyncio
quiet python-task-sigterm 18083 TERM /usr/bin/python3 stop.py task
for kind in sleep loop threads forever; do
  # A shell's background jobs ignore SIGINT, and Python then leaves it so.
  quiet python-$kind-sigint 18083 INT env --default-signal=INT /usr/bin/python3 stop.py $kind
done
PATHS="/ " quiet python-http-server-sigint 18083 INT env --default-signal=INT /usr/bin/python3 -m http.server -b 127.0.0.1 18083
javac Stop.java 2>/dev/null
PATHS="/ /fails" quiet java-sigterm 18084 TERM java Stop
quiet java-sigquit-asks-for-stacks 18084 "QUIT TERM" java Stop
quiet ruby-sigterm 18085 TERM ruby stop.rb
for signal in INT HUP; do
  quiet ruby-sig${signal,,}-without-handler 18085 $signal env --default-signal=INT ruby stop.rb plain
done
rustc --edition 2021 -o stop-rust stop.rs 2>/dev/null
quiet rust-error-from-main 0 TERM ./stop-rust
quiet erlang-sigterm 0 TERM erl -noshell -kernel logger_level info -eval \
  'logger:error("connection aborted, worker terminated: ~p", [closed]), logger:notice("no crash report is due")'
quiet elixir-sigterm 0 TERM elixir --no-halt -e 'require Logger; Logger.error("connection 3 terminated"); Logger.info("up")'
mcs -out:stop.exe stop.cs 2>/dev/null
quiet mono-handled 0 KILL mono --debug stop.exe
if [ -n "${DOTNET:-}" ]; then
  cp stop.exe stop.dll
  echo '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}' >stop.runtimeconfig.json
  quiet dotnet-sigterm 0 TERM env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$DOTNET" stop.dll
fi
