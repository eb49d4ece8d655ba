# Moves all that lies in /workspace into a directory of it that git leaves alone: for what cannot be handed out. Runs
# inside the sandbox.
#
# In:  LEFT_BY
# Out: the directory
set -eu
kept=.mogplex/leftovers
if [ -L .mogplex ] || [ -L "$kept" ] || { [ -e .mogplex ] && [ ! -d .mogplex ]; }; then rm -f .mogplex "$kept"; fi
mkdir -p "$kept"
# Whatever an agent adds, it does not add these.
printf '*\n' > "$kept/.gitignore"
directory=$kept/$LEFT_BY
while [ -e "$directory" ] || [ -L "$directory" ]; do directory=$directory+; done
mkdir "$directory"
for name in .[!.]* ..?* *; do
  [ "$name" != .mogplex ] || continue
  if [ ! -e "$name" ] && [ ! -L "$name" ]; then continue; fi
  if [ -d "$name" ] && [ ! -L "$name" ]; then chmod u+rwx -- "$name"; fi
  mv -- "$name" "$directory/"
done
printf '%s\n' "$directory"
