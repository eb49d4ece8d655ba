# Applies what a run left to the checkout, as uncommitted changes: the whole difference to what it began from, by a
# three-way merge into an index of its own. Only what merges cleanly reaches the work tree. Runs inside the sandbox.
#
# In:  MIRROR LEFT FROM (commit or tree)
# Exit code 50: it does not fit. Any other but 0: it cannot be done.
set -eu
# Objects that only the mirror has must come into the checkout: the agent does not see the mirror.
git fetch --quiet --no-tags --no-write-fetch-head --no-recurse-submodules \
  --force --upload-pack='git -c safe.directory=* upload-pack' -- "$MIRROR" "$LEFT:refs/mogplex/resumed"
merging=.git/mogplex/resuming
mkdir -p .git/mogplex
trap 'rm -f "$merging" "$merging.patch"; git update-ref -d refs/mogplex/resumed' EXIT
cp -p .git/index "$merging"
GIT_INDEX_FILE=$merging git read-tree --reset HEAD
# Nothing in here may run a filter or drop a byte.
git diff --binary --full-index --no-renames --no-ext-diff --no-textconv "$FROM" "$LEFT" -- > "$merging.patch"
[ -s "$merging.patch" ] || exit 0
GIT_INDEX_FILE=$merging git apply --cached --3way --whitespace=nowarn "$merging.patch" > /dev/null 2>&1 || exit 50
tree=$(GIT_INDEX_FILE=$merging git write-tree)
# Refuses, with nothing touched, where a file has changed meanwhile, or one is in the way.
git read-tree -m -u HEAD "$tree" 2> /dev/null || exit 50
git read-tree --reset HEAD
git update-index -q --refresh > /dev/null || true
