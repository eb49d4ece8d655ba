# Brings /workspace to the working branch (runtime spec 3.4, "Sync"; spec README, 41). Runs inside the sandbox,
# without network and without credentials; the only source is the mirror, mounted read-only.
#
# In:  MIRROR BASE WORKING CREATE (1 or 0) ORIGIN_URL, with an install command INSTALL_KEY and INSTALL_ROOT,
#      RESET: 0 touches nothing that somebody may have made; 1, once that has been put aside, throws it away; 2 throws
#      the git directory away too;
#      stdin is "<BASE_COMMIT> <REMOTE_COMMIT or -> <other commits the remote has or had>…\n", which comes once the
#      mirror has the first two: everything that does not need them is done before
# Out: "<commit> <fresh: 0|1> <created: 0|1> <installed: 0|1>", then the lines of name_missing_content
# Before it come tags.sh, install-inputs.sh, content.sh and reset-checkout.sh.
# Exit codes: 20 something lies here, or the repository does not work; 22, 24, 25 are named in run-checkout.ts.
set -eu
exec 3<&0 < /dev/null

fresh=0 install_only=0
end() {
  case $1 in
    0 | 22 | 24) exit "$1" ;;
  esac
  [ "$fresh" = 0 ] || exit 25
  # A switch that failed half-way has changed files: what is put aside now must not be taken for somebody's work.
  if [ "$RESET" = 0 ] && [ -e "$switching" ]; then undo_switch > /dev/null 2>&1 || true; fi
  exit 20
}
trap 'end $?' EXIT

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

# Only files. Of objects/ only the two-digit directories, which may be large, are passed over.
remove_stale_locks() {
  find .git -path '.git/objects/[0-9a-f][0-9a-f]' -prune -o -type f -name '*.lock' -exec rm -f {} +
}

start_clone() {
  mkdir .git
  : > "$cloning"
  git init --quiet --template= --initial-branch="$WORKING" .
  git config remote.origin.url "$ORIGIN_URL"
  git config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'
  fresh=1
}

undo_switch() {
  git reset --quiet --hard || {
    rm -f .git/index
    git reset --quiet --hard
  }
  git clean --quiet -ffd -e .mogplex
  rm -f "$switching"
}

# What differs from INDEX (a copy of it), untracked files included: paths as git quotes them, sorted.
differing() {
  cp -p "$1" .git/mogplex/compared
  GIT_INDEX_FILE=.git/mogplex/compared git update-index -q --refresh > /dev/null || true
  {
    GIT_INDEX_FILE=.git/mogplex/compared git diff-files --name-only --ignore-submodules=dirty
    GIT_INDEX_FILE=.git/mogplex/compared git ls-files --others --exclude-standard --exclude=.mogplex
  } 2>&1 | sort -u
  rm -f .git/mogplex/compared
}

# Whether all that is uncommitted was there before an agent began: the install command's. What git warns of, a
# directory that it may not read, counts as if it were a path.
is_of_install() {
  [ -f .git/mogplex/baseline ] && [ -f .git/mogplex/began-at ] || return 1
  uncommitted=$({
    git diff --name-only --ignore-submodules=dirty HEAD -- . "$NOT_IN_CONTROL" "$NOT_CONTROL"
    git ls-files --others --exclude-standard --exclude=.mogplex
  } 2>&1 | sort -u) || return 1
  [ -n "$uncommitted" ] || return 1
  # What was committed since is no change of the install command's, whatever has become of it.
  read -r began < .git/mogplex/began-at || return 1
  since=$({
    differing .git/mogplex/baseline
    git diff --name-only "$began" HEAD --
  } | sort -u) || return 1
  [ -z "$(printf '%s\n%s\n' "$uncommitted" "$since" | sort | uniq -d)" ]
}

require_clean() {
  [ -d .git ] && [ ! -L .git ] || exit 20
  remove_stale_locks
  [ ! -e "$switching" ] || undo_switch
  for state in rebase-merge rebase-apply sequencer MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD BISECT_LOG; do
    [ ! -e ".git/$state" ] || exit 20
  done
  changes=$(GIT_OPTIONAL_LOCKS=0 git status --porcelain --untracked-files=normal --ignore-submodules=dirty \
    -- . "$NOT_IN_CONTROL" "$NOT_CONTROL" 2>&1)
  [ -n "$changes" ] || return 0
  is_of_install || exit 20
  install_only=1
}

if [ -e "$cloning" ]; then
  find . -mindepth 1 -maxdepth 1 ! -name .mogplex -exec rm -rf {} +
fi
if [ "$RESET" != 0 ]; then
  make_removable
  [ "$RESET" = 1 ] && reset_in_place || start_over
elif [ -e .git ] || [ -L .git ]; then
  require_clean
else
  ! has_files || exit 20
  start_clone
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
head_commit=''
[ "$fresh" = 1 ] || [ "$current" = 1 ] || head_commit=$(git rev-parse --verify --quiet 'HEAD^{commit}')

read -r BASE_COMMIT REMOTE_COMMIT KNOWN <&3 || exit 24
[ "$REMOTE_COMMIT" != - ] || REMOTE_COMMIT=''

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

# COMMIT: whether the remote has or had it, as far as can be seen without looking.
is_known() {
  for known in $BASE_COMMIT $REMOTE_COMMIT $KNOWN; do
    [ "$1" != "$known" ] || return 0
  done
  return 1
}

if [ "$RESET" = 0 ] && [ "$fresh" = 0 ]; then
  unknown=''
  for commit in $local_commit $head_commit; do
    is_known "$commit" || unknown="$unknown $commit"
  done
  # shellcheck disable=SC2086
  [ -z "$unknown" ] || [ -z "$(git rev-list --ignore-missing --max-count=1 $unknown \
    --not $BASE_COMMIT $REMOTE_COMMIT $KNOWN)" ] || exit 20
fi

created=0 track=--no-track
if [ -n "$REMOTE_COMMIT" ]; then
  commit=$REMOTE_COMMIT start=$REMOTE_COMMIT
  [ -n "$local_commit" ] || start="refs/remotes/origin/$WORKING" track=--track
elif [ "$CREATE" = 1 ]; then
  commit=$BASE_COMMIT start=$BASE_COMMIT created=1
elif [ -n "$local_commit" ] || [ -n "$tracked_working" ]; then
  # It was there, and is gone from the remote.
  commit=$BASE_COMMIT start=$BASE_COMMIT
else
  exit 22
fi

switch() {
  git checkout --quiet "$1" --no-recurse-submodules --ignore-other-worktrees "$track" -B "$WORKING" "$start" --
}

if [ "$RESET" != 0 ]; then
  switch --force || {
    rm -f .git/index
    switch --force
  }
  git clean --quiet -ffd -e .mogplex
elif [ "$current" = 0 ] || [ "$commit" != "$local_commit" ]; then
  [ "$fresh" = 1 ] || : > "$switching"
  if [ "$install_only" = 1 ]; then
    # The install command's changes go, so it runs again.
    rm -f .git/mogplex/installed
    switch --force
    git clean --quiet -ffd -e .mogplex
    install_only=0
  else
    switch --no-guess
  fi
fi
rm -f "$cloning" "$switching"
# What the agent finds; what differs from it later is its work.
if [ "$install_only" = 0 ]; then
  mkdir -p .git/mogplex
  rm -f .git/mogplex/baseline-differs
  cp -p .git/index .git/mogplex/baseline
  printf '%s\n' "$commit" > .git/mogplex/began-at
fi
take_tags "$BASE_COMMIT" "$REMOTE_COMMIT" "$local_commit" "$fresh" || :
installed=0
[ -z "${INSTALL_KEY:-}" ] || ! is_installed "$INSTALL_ROOT" "$INSTALL_KEY" || installed=1
guard_lfs || :
printf '%s %s %s %s\n' "$commit" "$fresh" "$created" "$installed"
name_missing_content || :
