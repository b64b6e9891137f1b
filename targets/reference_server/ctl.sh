#!/usr/bin/env bash
# Controls the reference server: start, stop, restart, reload, status, logs, health.
#
# Where systemd runs and knows the unit reference_server, it does the work. Else this script starts the server
# itself and keeps its process id and its output in a folder. Settings by environment:
#
#   REFERENCE_SERVER          the program (default: beside this script, or in PATH)
#   REFERENCE_SERVER_CONFIG   its configuration (default: none)
#   REFERENCE_SERVER_RUN      the folder for pid and log, without systemd (default: /run/reference_server)
#   REFERENCE_SERVER_URL      where `health` asks (default: http://127.0.0.1:8080/health; needs curl)
#   REFERENCE_SERVER_PLAIN    set: do not use systemd
#
# Exit codes: 0 done; 1 it failed, or the server's stop broke a promise; 2 wrong usage; 3 it does not run.
set -euo pipefail
here=$(dirname "$(realpath -s "$0")")
run=${REFERENCE_SERVER_RUN:-/run/reference_server}
url=${REFERENCE_SERVER_URL:-http://127.0.0.1:8080/health}
unit=reference_server.service
program=${REFERENCE_SERVER:-$here/reference_server}
[[ -x $program && ! -d $program ]] || program=$(command -v reference_server || true)

# The server's own total is 60 s; after these a stop has failed.
stop_limit=65
start_limit=30

by_systemd() { [[ -z ${REFERENCE_SERVER_PLAIN:-} && -d /run/systemd/system ]] && systemctl cat "$unit" >/dev/null 2>&1; }

# The process id, if it is alive and is the server: ids are used again.
running() {
  local pid
  pid=$(cat "$run/pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ && -d /proc/$pid && $(readlink "/proc/$pid/exe" 2>/dev/null) == */reference_server ]] || return 1
  echo "$pid"
}

start() {
  local pid
  if pid=$(running); then echo "it runs already, pid $pid"; return 0; fi
  if [[ -z $program ]]; then echo "no program reference_server; set REFERENCE_SERVER" >&2; return 1; fi
  mkdir -p "$run"
  rm -f "$run/exit"
  local from
  from=$(stat -c %s "$run/log" 2>/dev/null || echo 0)
  local words=("$program")
  [[ -z ${REFERENCE_SERVER_CONFIG:-} ]] || words+=(--config "$REFERENCE_SERVER_CONFIG")
  # The waiting shell keeps the exit code for `stop`.
  setsid bash -c 'run=$1; shift; "$@" >>"$run/log" 2>&1 & echo $! >"$run/pid"; wait $!; echo $? >"$run/exit"' \
    ctl "$run" "${words[@]}" </dev/null >/dev/null 2>&1 &
  local i
  for ((i = 0; i < start_limit * 20; ++i)); do
    if tail -c +$((from + 1)) "$run/log" 2>/dev/null | grep -q ' ready: '; then
      echo "started, pid $(cat "$run/pid")"
      return 0
    fi
    if [[ -e $run/exit ]]; then
      tail -c +$((from + 1)) "$run/log" >&2
      echo "it ended at once with exit code $(cat "$run/exit")" >&2
      return 1
    fi
    sleep 0.05
  done
  echo "it is not ready after $start_limit s" >&2
  return 1
}

stop() {
  local pid i
  if ! pid=$(running); then echo "it does not run"; return 0; fi
  kill -TERM "$pid"
  for ((i = 0; i < stop_limit * 20; ++i)); do
    if [[ -e $run/exit ]]; then
      local code
      code=$(cat "$run/exit")
      echo "stopped with exit code $code"
      rm -f "$run/pid"
      ((code == 0)) || return 1
      return 0
    fi
    sleep 0.05
  done
  echo "it runs on after $stop_limit s" >&2
  return 1
}

status() {
  local pid
  if pid=$(running); then echo "running, pid $pid"; return 0; fi
  echo "not running$([[ -e $run/exit ]] && echo ", last exit code $(cat "$run/exit")" || true)"
  return 3
}

reload() {
  local pid
  if ! pid=$(running); then echo "it does not run" >&2; return 3; fi
  kill -HUP "$pid"
  echo "told to reload; see logs"
}

health() {
  command -v curl >/dev/null || { echo "health needs curl" >&2; return 1; }
  # The server is on this machine: no proxy is asked.
  curl --silent --show-error --max-time 5 --fail-with-body --noproxy '*' "$url"
}

case ${1:-} in
  start | stop | restart | reload | status)
    if by_systemd; then systemctl "$1" "$unit"; exit; fi ;;
  logs)
    if by_systemd; then journalctl --unit "$unit" --no-pager "${@:2}"; exit; fi ;;
esac
case ${1:-} in
  start | stop | status | reload | health) "$1" ;;
  restart) stop; start ;;
  logs)
    if [[ ! -e $run/log ]]; then echo "there is no log in $run" >&2; exit 1; fi
    tail -n "${2:-100}" "$run/log" ;;
  *) echo "usage: $0 start|stop|restart|reload|status|logs [LINES]|health" >&2; exit 2 ;;
esac
