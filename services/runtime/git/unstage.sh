# Function for collect.sh, which runs inside the sandbox: what was there before the agent came is not committed as its
# work. .git/mogplex/baseline is an index of the work tree as the agent found it: the checkout's own (checkout.sh), or
# one that has what an install command left as well (baseline.sh).

baseline=.git/mogplex/baseline
# There where that is more than the checkout had made of the branch.
differs=.git/mogplex/baseline-differs

# Takes out of the index what is as it was when the agent began. A path whose commit has changed since is the
# agent's whatever its file is. Lines are paths as git quotes them.
unstage_what_was_there() {
  need_work
  git diff-index --cached --name-only --no-renames HEAD -- | sort > "$work/staged"
  [ -s "$work/staged" ] || return 0
  GIT_INDEX_FILE=$baseline git diff-files --raw --no-renames --ignore-submodules=dirty > "$work/raw"
  cut -f 2- "$work/raw" | sort > "$work/touched"
  GIT_INDEX_FILE=$baseline git ls-files | sort > "$work/known"
  git diff-index --cached --name-only --no-renames --diff-filter=d HEAD -- | sort > "$work/present"
  comm -23 "$work/present" "$work/known" > "$work/new"
  find_same_bytes
  comm -23 "$work/touched" "$work/same-bytes" > "$work/changed"
  [ "$head" = "$START" ] || git diff-tree -r --name-only --no-renames "$START" HEAD -- >> "$work/changed"
  sort -u "$work/new" "$work/changed" > "$work/agents"
  comm -23 "$work/staged" "$work/agents" > "$work/not-agents"
  [ -s "$work/not-agents" ] || return 0
  GIT_LITERAL_PATHSPECS=1 git reset --quiet HEAD --pathspec-from-file="$work/not-agents" > /dev/null
}

# Git compares what it would commit. A file that line endings, $Id$ or an encoding make another one when it is
# committed differs without having been touched: compared is what the checkout wrote, byte for byte.
find_same_bytes() {
  : > "$work/same-bytes"
  grep '^:\(100644 100644\|100755 100755\) .* M	' "$work/raw" | cut -f 2- > "$work/maybe" || return 0
  mkdir -p "$work/written"
  GIT_INDEX_FILE=$baseline git checkout-index --quiet --prefix="$work/written/" --stdin < "$work/maybe" || return 0
  git hash-object --no-filters --stdin-paths < "$work/maybe" > "$work/now" || return 0
  sed "s|^\"\\{0,1\\}|&$work/written/|" "$work/maybe" | git hash-object --no-filters --stdin-paths > "$work/then" || return 0
  paste "$work/now" "$work/then" "$work/maybe" | awk -F '\t' '$1 == $2' | cut -f 3- | sort > "$work/same-bytes"
}
