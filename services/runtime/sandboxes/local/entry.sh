# First program inside a sandbox, run as the agent's user after the namespaces are in place.
#
#   entry.sh "TASKS BLOCKS" CWD "NAME NAME…" "FORWARDER ARGUMENT…" PROGRAM ARGUMENT…
#
# Fd 4 is a pipe from the runtime process that never carries anything.

sandbox_limits=$1 sandbox_cwd=$2 sandbox_names=$3 sandbox_forwarder=$4
shift 4

# Of the kernel, for each process; nobody without rights can raise them again. Shells differ in the name of the
# first. A core dump would put the environment of the process, and what it read, into the checkout.
{ ulimit -u "${sandbox_limits% *}" 2>/dev/null || ulimit -p "${sandbox_limits% *}"; } &&
  ulimit -f "${sandbox_limits#* }" && ulimit -c 0 || { echo 'sandbox: its limits cannot be set' >&2; exit 125; }

# The runtime may be killed while bubblewrap has not yet bound its life to it. The pipe's end tells.
(trap '' INT; read -r _ <&4; kill -KILL -1) </dev/null >/dev/null 2>&1 &
exec 4<&-

# The forwarder closes its stdout once it listens, so this waits for no longer than that. It starts at /,
# lest bun read configuration from the checkout, and without the command's environment.
start_forwarder() {
  cd / && trap '' INT && exec env -i /run/mogplex/bun /run/mogplex/forwarder.ts "$@" </dev/null
}
if [ -n "$sandbox_forwarder" ]; then
  # shellcheck disable=SC2086  # words, on purpose
  sandbox_ready=$(start_forwarder $sandbox_forwarder &)
  [ "$sandbox_ready" = ready ] || { echo 'sandbox: its way to the network did not start' >&2; exit 125; }
fi

cd -- "$sandbox_cwd" || exit 126

# The command's variables come under names that mean nothing to the programs before this one: bubblewrap
# and setpriv run with more rights, and LD_PRELOAD must not reach them. Values are never arguments.
for sandbox_name in $sandbox_names; do
  eval "export $sandbox_name=\"\$SANDBOX_ENV_$sandbox_name\""
  unset "SANDBOX_ENV_$sandbox_name"
done

exec "$@"
