# What must hold for a sandbox's process from its first instruction on, done before bubblewrap is there.
#
#   enter.sh CGROUP PROGRAM ARGUMENT…     CGROUP: its directory, or empty

if [ -n "$1" ]; then
  echo $$ >"$1/cgroup.procs" || { echo 'sandbox: its cgroup cannot be entered' >&2; exit 125; }
fi
shift

# The host short of memory: the kernel ends what runs in sandboxes before anything else. As root this is also
# the least it can be set to by whoever has no rights; /proc is read-only inside, so nobody gets to try.
{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null || :

exec "$@"
