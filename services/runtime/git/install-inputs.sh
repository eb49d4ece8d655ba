# Whether the install command has to run: it has when what it was last run with, to its end and with success, is not
# what is there now. Read before checkout.sh and before the command itself, both in /workspace.
#
# .git/mogplex/installed has a line for the inputs as they were before the command, and one for what it made of
# them: a lock file that it writes anew each time is no change.
installed_marker=.git/mogplex/installed

# ROOT_DIRECTORY (may be empty) KEY (of the command). Prints one line.
install_inputs() {
  inputs_root=$1 inputs_key=$2
  set --
  for inputs_directory in . ${inputs_root:+"$inputs_root"}; do
    for inputs_name in package.json package-lock.json npm-shrinkwrap.json pnpm-lock.yaml pnpm-workspace.yaml yarn.lock \
      bun.lock bun.lockb requirements*.txt pyproject.toml setup.py setup.cfg Pipfile Pipfile.lock poetry.lock uv.lock \
      Gemfile Gemfile.lock go.mod go.sum Cargo.toml Cargo.lock composer.json composer.lock; do
      for inputs_file in "$inputs_directory"/$inputs_name; do
        [ ! -f "$inputs_file" ] || set -- "$@" "$inputs_file"
      done
    done
  done
  {
    printf '%s %s\n' "$inputs_key" "$inputs_root"
    [ $# = 0 ] || sha256sum -- "$@"
  } | sha256sum
}

# ROOT_DIRECTORY KEY
is_installed() {
  [ -f "$installed_marker" ] || return 1
  inputs_now=$(install_inputs "$1" "$2")
  while read -r inputs_then; do
    [ "$inputs_then" != "$inputs_now" ] || return 0
  done < "$installed_marker"
  return 1
}
