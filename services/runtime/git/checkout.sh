# Brings /workspace to the working branch (runtime spec 3.4, "Sync"). Runs inside the sandbox, without network
# and without credentials; the only source is the mirror, mounted read-only.
#
# In:  MIRROR BASE WORKING CREATE (1 or 0) ORIGIN_URL; stdin is "<BASE_COMMIT> <REMOTE_COMMIT, may be empty>\n",
#      which comes once the mirror has both: everything that does not need them is done before
# Out: "<commit> <fresh: 0|1> <created: 0|1>"
# Exit codes 20 to 29 are named in sync-checkout.ts.
set -eu
exec 3<&0 < /dev/null

# A sync that was killed left a tree that nobody has worked in: a clone is thrown away, a switch undone. Neither
# marker survives a sync that got through, and a clone that found no branch to check out is started anew.
cloning=.git/mogplex-cloning
switching=.git/mogplex-switching

has_files() {
  for name in .[!.]* ..?* *; do
    [ "$name" != .mogplex ] || continue
    if [ -e "$name" ] || [ -L "$name" ]; then return 0; fi
  done
  return 1
}

# COMMIT:REF… into a new repository: what git fetch does, in half as many processes. It need not be on the disk
# for good before all else: the mirror has it too.
fill() {
  for pair in "$@"; do printf '%s\n' "${pair%%:*}"; done |
    GIT_DIR=$MIRROR git -c safe.directory='*' pack-objects --quiet --revs --delta-base-offset --stdout |
    git -c core.fsync=none index-pack --stdin > /dev/null
  for pair in "$@"; do printf 'create %s %s\n' "${pair#*:}" "${pair%%:*}"; done | git update-ref --stdin
}

fetch() {
  git fetch --quiet --no-tags --no-write-fetch-head --no-recurse-submodules \
    --force --upload-pack='git -c safe.directory=* upload-pack' -- "$MIRROR" "$@"
}

# Only files: objects/ holds no lock files of interest and may be large.
remove_stale_locks() {
  find .git -name objects -prune -o -type f -name '*.lock' -exec rm -f {} +
}

start_clone() {
  ! has_files || exit 20
  mkdir .git
  : > "$cloning"
  git init --quiet --template= --initial-branch="$WORKING" .
  git config remote.origin.url "$ORIGIN_URL"
  git config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'
}

require_clean() {
  [ -d .git ] || exit 21
  if [ -e "$switching" ]; then
    remove_stale_locks
    git reset --quiet --hard
    git clean --quiet -fd -e .mogplex
    rm -f "$switching"
  fi
  changes=$(GIT_OPTIONAL_LOCKS=0 git status --porcelain --untracked-files=normal -- . "$NOT_IN_CONTROL" "$NOT_CONTROL") || exit 21
  [ -z "$changes" ] || exit 20
  remove_stale_locks
}

if [ -e "$cloning" ]; then
  find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +
fi
fresh=0
if [ -e .git ] || [ -L .git ]; then
  require_clean
else
  start_clone
  fresh=1
fi

local_commit='' tracked_base='' tracked_working='' current=0
refs=$(git for-each-ref --format='%(refname) %(objectname) %(HEAD)' \
  "refs/heads/$WORKING" "refs/remotes/origin/$BASE" "refs/remotes/origin/$WORKING")
while read -r ref commit head; do
  case $ref in
    "refs/heads/$WORKING") local_commit=$commit; [ "$head" != '*' ] || current=1 ;;
  esac
  [ "$ref" != "refs/remotes/origin/$BASE" ] || tracked_base=$commit
  [ "$ref" != "refs/remotes/origin/$WORKING" ] || tracked_working=$commit
done <<REFS
$refs
REFS

read -r BASE_COMMIT REMOTE_COMMIT <&3 || exit 24

# What was delivered from here is here already.
if [ -n "$REMOTE_COMMIT" ] && [ "$tracked_working" != "$REMOTE_COMMIT" ] && [ "$REMOTE_COMMIT" = "$local_commit" ]; then
  git update-ref "refs/remotes/origin/$WORKING" "$REMOTE_COMMIT"
  tracked_working=$REMOTE_COMMIT
fi
set --
[ "$tracked_base" = "$BASE_COMMIT" ] || set -- "$@" "$BASE_COMMIT:refs/remotes/origin/$BASE"
[ -z "$REMOTE_COMMIT" ] || [ "$tracked_working" = "$REMOTE_COMMIT" ] ||
  set -- "$@" "$REMOTE_COMMIT:refs/remotes/origin/$WORKING"
if [ "$fresh" = 1 ]; then
  fill "$@"
elif [ $# -gt 0 ]; then
  fetch "$@"
fi

created=0 track=--no-track start=''
if [ -n "$local_commit" ]; then
  start=$local_commit
  if [ -n "$REMOTE_COMMIT" ] && [ "$REMOTE_COMMIT" != "$local_commit" ]; then
    if git merge-base --is-ancestor "$local_commit" "$REMOTE_COMMIT"; then
      start=$REMOTE_COMMIT
    else
      git merge-base --is-ancestor "$REMOTE_COMMIT" "$local_commit" || exit 23
    fi
  fi
  commit=$start
elif [ -n "$REMOTE_COMMIT" ]; then
  commit=$REMOTE_COMMIT start="refs/remotes/origin/$WORKING" track=--track
elif [ "$CREATE" = 1 ]; then
  commit=$BASE_COMMIT start=$BASE_COMMIT created=1
else
  exit 22
fi

if [ "$current" = 0 ] || [ "$commit" != "$local_commit" ]; then
  [ "$fresh" = 1 ] || : > "$switching"
  git checkout --quiet --no-recurse-submodules "$track" -B "$WORKING" "$start" --
  rm -f "$cloning" "$switching"
fi
# What the agent finds; what differs from it later is its work.
mkdir -p .git/mogplex
cp -p .git/index .git/mogplex/baseline
printf '%s %s %s\n' "$commit" "$fresh" "$created"
