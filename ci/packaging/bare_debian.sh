# Sourced: a bare Debian 12 in $root, below $work, to use packages in. Needs root.
((EUID == 0)) || { echo "a bare Debian needs root" >&2; exit 2; }
work=$(mktemp -d /tmp/lastcall-package.XXXXXX)
root=$work/root
trap 'rm -rf "$work"' EXIT

# `in_root SCRIPT`: runs it in the bare Debian, with namespaces of its own: whatever it mounts or leaves running ends with it.
# The folder $packages is /tmp/packages there.
in_root() {
  unshare --mount --pid --fork --kill-child sh -c '
    mount --make-rprivate / && mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" &&
    mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/tmp" && mkdir "$1/tmp/packages" &&
    mount --bind "$2" "$1/tmp/packages" && exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      DEBIAN_FRONTEND=noninteractive bash -euo pipefail -c "$3"' sh "$root" "$packages" "$1"
}

# `bare_debian PACKAGE…`: makes it, with these packages and no services.
bare_debian() {
  local archive
  archive=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | grep -m 1 '/debian/$')
  debootstrap --variant=minbase bookworm "$root" "$archive" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
  rm "$root/etc/apt/sources.list" # as this machine has it, not as debootstrap wrote it
  cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
  cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$root/etc/apt/"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  in_root "apt-get -qq update; apt-get -qq -y install --no-install-recommends $*" >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; exit 1; }
}
