#!/usr/bin/env bash
# Installs the reference server: the binary, its configuration (kept if there is one), and, where systemd is in use,
# the unit. Can be run again.
#
#   install.sh BINARY [--prefix /usr/local] [--config /etc/reference_server.toml] [--units /etc/systemd/system]
#   install.sh --uninstall [the same]        leaves the configuration and the state
set -euo pipefail
here=$(dirname "$(realpath -s "$0")")

prefix=/usr/local config=/etc/reference_server.toml units=/etc/systemd/system binary='' uninstall=0
usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
while (($#)); do
  case $1 in
    --prefix | --config | --units) (($# > 1)) || usage; printf -v "${1#--}" %s "$2"; shift ;;
    --uninstall) uninstall=1 ;;
    -*) usage ;;
    *) [[ -z $binary ]] || usage; binary=$1 ;;
  esac
  shift
done

tell_systemd() {
  if [[ ! -d /run/systemd/system ]]; then
    echo "install: systemd is not running, only the files are laid out"
  elif [[ $units != */systemd/system ]]; then
    echo "install: systemd does not read units from $units, only the files are laid out"
  else
    systemctl daemon-reload
  fi
}

if ((uninstall)); then
  rm -f "$prefix/bin/reference_server" "$prefix/bin/reference_server_ctl" "$units/reference_server.service"
  tell_systemd
  exit 0
fi

[[ -n $binary ]] || usage
if [[ ! -x $binary ]]; then echo "install: no program $binary" >&2; exit 2; fi
install -D -m 755 "$binary" "$prefix/bin/reference_server"
install -D -m 755 "$here/ctl.sh" "$prefix/bin/reference_server_ctl"
[[ -e $config ]] || install -D -m 644 "$here/reference_server.toml" "$config"
mkdir -p "$units"
sed -e "s|/usr/local/bin/reference_server|$prefix/bin/reference_server|" \
  -e "s|/etc/reference_server.toml|$config|" "$here/reference_server.service" >"$units/reference_server.service"
chmod 644 "$units/reference_server.service"
"$prefix/bin/reference_server" --config "$config" --check
tell_systemd
echo "installed; reference_server_ctl start"
