# What checkout.sh does to a checkout whose contents have been put aside: functions only, put before its text.

# What the host has put aside by then must go, whatever its mode.
make_removable() {
  find . -path ./.git -prune -o -type d ! -perm -u=rwx -exec chmod u+rwx {} \;
}

# Refs that stand where a needed one wants a directory, or the other way round. Of tracking refs the remote has
# no more; a local branch is kept under another name.
clear_way() {
  for wanted in "refs/remotes/origin/$BASE" "refs/remotes/origin/$WORKING" "refs/heads/$WORKING"; do
    above=$wanted
    {
      while above=${above%/*} && [ "$above" != refs/heads ] && [ "$above" != refs/remotes/origin ]; do
        git for-each-ref --format='%(refname) %(objectname)' "$above" | while read -r ref commit; do
          [ "$ref" != "$above" ] || printf '%s %s\n' "$ref" "$commit"
        done
      done
      git for-each-ref --format='%(refname) %(objectname)' "$wanted/"
    } | while read -r ref commit; do
      case $ref in
        refs/heads/*) git update-ref "refs/mogplex/branches/$commit" "$commit" ;;
      esac
      git update-ref --no-deref -d "$ref"
    done
  done
}

reset_in_place() {
  [ -d .git ] && [ ! -L .git ] || return 1
  remove_stale_locks
  rm -rf .git/rebase-merge .git/rebase-apply .git/sequencer .git/MERGE_* .git/CHERRY_PICK_HEAD .git/REVERT_HEAD \
    .git/AUTO_MERGE .git/SQUASH_MSG .git/BISECT_* .git/mogplex/installed .git/mogplex/baseline \
    .git/mogplex/baseline-differs
  : > "$switching" || return 1
  # The branch that is checked out may be one that stands in the way.
  commit=$(git rev-parse --quiet --verify 'HEAD^{commit}') || return 1
  git update-ref --no-deref HEAD "$commit" && clear_way
}

start_over() {
  if [ -d .git ] && [ ! -L .git ]; then chmod -R u+rwX .git; fi
  rm -rf .git
  start_clone
}

