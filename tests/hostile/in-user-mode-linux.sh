#!/bin/sh
# Runs test files in a kernel of their own that has cgroup v2, once as root and once as an ordinary user to whom a part
# of the tree was handed over: for machines whose cgroups are of version 1, or not ours.
#
#   tests/hostile/in-user-mode-linux.sh [TEST-FILE …]
#
# Needs root and Debian's user-mode-linux. It sees this machine's files, and can change none of them. Exits with 0 when
# all passed. Memory is slow in there: what fills hundreds of megabytes takes minutes.
set -eu

LIMIT_SECONDS=${LIMIT_SECONDS:-900}
USER_ID=1000
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -gt 0 ] || set -- services/runtime/sandboxes/local/limits/kernel-cgroups.test.ts
linux=$(command -v linux.uml) || { echo 'apt-get install user-mode-linux' >&2; exit 1; }
# Not below /dev, which is another one in there.
work=$(mktemp -d /tmp/user-mode-linux.XXXXXX)
chmod 755 "$work"
# What it started outlives it when it is killed, and is told by its arguments, which name our directory.
trap 'for pid in $(pgrep -f "^[^ ]*linux.uml .*init=$work/init"); do kill -9 "$pid"; done; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

printf '%s\n' "$@" >"$work/files"
cat >"$work/init" <<END
#!/bin/sh
export PATH='$PATH'
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs tmpfs /run; mount -t tmpfs -o mode=755 tmpfs /mnt
ip link set lo up
cgroups=/sys/fs/cgroup
mount -t cgroup2 cgroup2 \$cgroups
cd '$root'; set --; while read -r file; do set -- "\$@" "\$file"; done <'$work/files'

run() { # NAME COMMAND…
  echo "== as \$1"; shift
  "\$@" node_modules/.bin/bun test --timeout 400000 \$files || echo '== FAILED'
}
files="\$*"
mkdir -m 700 /mnt/root; HOME=/mnt/root TMPDIR=/mnt/root run root env
mkdir \$cgroups/given; echo '+cpu +memory +pids' >\$cgroups/cgroup.subtree_control
chown $USER_ID:$USER_ID \$cgroups/given \$cgroups/given/cgroup.procs \$cgroups/given/cgroup.subtree_control
mkdir /mnt/user; chown $USER_ID:$USER_ID /mnt/user
echo \$\$ >\$cgroups/given/cgroup.procs
HOME=/mnt/user TMPDIR=/mnt/user run 'an ordinary user' setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups
echo '== DONE'
echo o >/proc/sysrq-trigger; sleep 60
END
chmod 755 "$work/init"

TMPDIR=/dev/shm timeout -k 5 "$LIMIT_SECONDS" "$linux" mem=3G rootfstype=hostfs rootflags=/ ro "init=$work/init" \
  cgroup_no_v1=all con=null con0=null,fd:1 quiet loglevel=3 </dev/null >"$work/log" 2>&1 &
tail -n +1 -f --pid=$! "$work/log"
grep -q '^== DONE' "$work/log" && ! grep -q '^== FAILED' "$work/log"
