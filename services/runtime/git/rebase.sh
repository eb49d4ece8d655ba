# Puts what the agent has committed on top of what somebody else has pushed meanwhile, and hands the new commits out as
# collect.sh does. Runs inside the sandbox, without network and without credentials, in a work tree of its own: what
# lies about in the checkout is in nobody's way, and settings and filters of the checkout have no say.
#
# In:  WORKING MIRROR ONTO (where the remote is now) FROM (where the agent's commits begin) TIP (their last) KNOWN
# Out: as collect.sh
# Exit codes 40 to 49 are named in rebase.ts.
set -eu
exec < /dev/null

[ -d .git ] || exit 40
place=.git/mogplex/rebase
rm -rf "$place"

git fetch --quiet --no-tags --no-write-fetch-head --no-recurse-submodules \
  --force --upload-pack='git -c safe.directory=* upload-pack' -- "$MIRROR" "$ONTO:refs/remotes/origin/$WORKING" || exit 40

own=$PWD/.git
(
  unset GIT_DIR GIT_WORK_TREE
  git init --quiet --template= "$place" || exit 40
  GIT_DIR=$PWD/$place/.git GIT_WORK_TREE=$PWD/$place GIT_OBJECT_DIRECTORY=$own/objects
  export GIT_DIR GIT_WORK_TREE GIT_OBJECT_DIRECTORY
  cd "$place"
  # Rebase wants a clean work tree to begin with.
  git update-ref --no-deref HEAD "$ONTO" && git reset --quiet --hard || exit 40
  git rebase --quiet --rebase-merges --onto "$ONTO" "$FROM" "$TIP" > /dev/null 2>&1 || exit 41
  git rev-parse --verify 'HEAD^{commit}' > "$own/mogplex/rebased"
) || {
  code=$?
  rm -rf "$place"
  exit "$code"
}
rm -rf "$place"
read -r commit < .git/mogplex/rebased
rm -f .git/mogplex/rebased

# The checkout goes along, unless what lies about in it is in the way; then the next run finds it behind.
if [ "$(git rev-parse --quiet --verify 'HEAD^{commit}')" = "$TIP" ]; then
  git reset --quiet --keep "$commit" > /dev/null 2>&1 || true
fi

printf '%s\n' "$commit"
for known in $KNOWN; do
  [ "$known" != "$commit" ] || exit 0
done
{
  printf '%s\n' "$commit"
  for known in $KNOWN; do printf '^%s\n' "$known"; done
} | git pack-objects --quiet --revs --thin --delta-base-offset --stdout
