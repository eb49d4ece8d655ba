# Puts a sandbox's process into its cgroup, before bubblewrap is there.
#
#   enter.sh CGROUP PROGRAM ARGUMENT…

echo $$ >"$1/cgroup.procs" || { echo 'sandbox: its cgroup cannot be entered' >&2; exit 125; }
shift

exec "$@"
