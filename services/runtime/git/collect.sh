# Commits what the agent left uncommitted and hands its commits out (runtime spec 3.4, "Delivery"; rulings 42, 43).
# Runs inside the sandbox, without network and without credentials. Needs stage.sh, unstage.sh and content.sh.
#
# In:  WORKING START BASE (the commits that the checkout began with, and that it was made from) KNOWN (commits the
#      host has, blank-separated), author and committer in git's own variables;
#      stdin is "go\n", which comes once the agent has ended, and the commit message
# Out: "<commit>\n", then, if something was left out, "LEFT <bytes>\n" and as many bytes of notes (skipped.ts), then,
#      unless the host has the commit, a pack of what the host lacks
# Exit codes 30 to 39 are named in collect.ts.
set -eu
exec 3<&0 < /dev/null

IFS= read -r word <&3 && [ "$word" = go ] || exit 34

[ -d .git ] || exit 31
look_around

head='' branch='' changed=0 unmerged=0 control=0 links=0 rebasing=0
newline='
'
status() {
  git status --porcelain=v2 --branch --untracked-files=normal --ignore-submodules=dirty -- "$@"
}
# STATUS, and a text that only lines have which are to be looked at otherwise
read_status() {
  changed=0 unmerged=0
  while read -r kind key value; do
    case "$kind $key $value" in
      '# branch.oid '*) head=$value ;;
      '# branch.head '*) branch=$value ;;
      '# '* | '  ' | '? .mogplex/ ') ;;
      *"$2"*) control=1 ;;
      'u '*) unmerged=1 ;;
      [12]\ ??\ S*) links=1 changed=1 ;;
      *) changed=1 ;;
    esac
  done <<STATUS
$1
STATUS
}

# An untracked .mogplex at the top is what a harness leaves. Whatever else has a name like that is judged by git's
# own pathspecs, which cost further processes.
status=$(status .) || exit 31
read_status "$status" .mogplex
if [ "$control" = 1 ]; then
  status=$(status . "$NOT_IN_CONTROL" "$NOT_CONTROL") || exit 31
  read_status "$status" "$newline"
fi
sort_found

commit_of() { git rev-parse --quiet --verify "$1^{commit}" || true; }
contains() { git merge-base --is-ancestor "$2" "$1" 2> /dev/null; }
# Makes it the working branch where the agent stands, with index and files as they are.
stand_on_working() {
  git update-ref "refs/heads/$WORKING" "$head" && git symbolic-ref HEAD "refs/heads/$WORKING" && branch=$WORKING
}

# A rebase that nobody finished stands between two histories: what counts is the branch as it was, and what lies
# about belongs to neither.
abandon_rebase() {
  need_work
  head=$(commit_of "refs/heads/$WORKING")
  [ -n "$head" ] || exit 33
  git diff-index --name-only --no-renames HEAD -- | sed 's/^/rebase /' >> "$work/notes"
  git ls-files --others --exclude-standard -- . "$NOT_IN_CONTROL" "$NOT_CONTROL" | sed 's/^/rebase /' >> "$work/notes"
  [ -s "$work/notes" ] || note rebase .
  changed=0 unmerged=0 rebasing=1
}

# The agent may have left another branch checked out, or none, or renamed its own: what it stands on is its work,
# unless that is only where it began.
find_branch() {
  working=$(commit_of "refs/heads/$WORKING")
  if [ "$head" = '(initial)' ]; then
    head=$working
    [ -n "$head" ] || [ "$changed" = 1 ] || exit 33
  elif [ -z "$working" ] || contains "$head" "$working"; then
    stand_on_working || true
  elif contains "$working" "$head" || contains "$START" "$head" || contains "$BASE" "$head"; then
    if [ "$changed$unmerged" = 00 ]; then
      head=$working
    elif git checkout --quiet "$WORKING" -- 2> /dev/null; then
      head=$working branch=$WORKING
    else
      note branch "$WORKING"
    fi
  elif contains "$BASE" "$working"; then
    stand_on_working || true
  elif contains "$START" "$working"; then
    # Nothing was rewritten: the earlier work is where it was, and is not to be replaced by this.
    note beside .
  else
    note branch "$WORKING"
  fi
}

if [ "$branch" = '(detached)' ] && { [ -e .git/rebase-merge ] || [ -e .git/rebase-apply ]; }; then
  abandon_rebase
elif [ "$branch" != "$WORKING" ]; then
  find_branch
fi

list_conflicts() {
  need_work
  git diff --name-only --diff-filter=U | sort -u > "$work/conflicts"
}

# What git is in the midst of and has no answer to stays as the last commit has it.
leave_conflicts() {
  rm -f .git/MERGE_HEAD .git/MERGE_MODE .git/MERGE_MSG .git/CHERRY_PICK_HEAD .git/REVERT_HEAD .git/AUTO_MERGE
  GIT_LITERAL_PATHSPECS=1 git reset --quiet HEAD --pathspec-from-file="$work/conflicts" > /dev/null
  sed 's/^/conflict /' "$work/conflicts" >> "$work/notes"
}

commit_what_is_left() {
  [ "$unmerged" = 0 ] || list_conflicts
  stage_all || exit 35
  [ ! -s "$work/nested" ] || stage_nested
  leave_out_plain_lfs "$START" | note_each lfs
  # The agent may have staged the control directory itself.
  [ "$control" = 0 ] || git diff --cached --quiet -- "$IN_CONTROL" "$CONTROL" ||
    git reset --quiet -- "$IN_CONTROL" "$CONTROL"
  [ "$links" = 0 ] || replace_gitlinks
  [ "$unmerged" = 0 ] || leave_conflicts
  if [ -e "$differs" ] || grep -q -s -F .gitattributes "$baseline"; then
    [ "$head" = '' ] || unstage_what_was_there
  fi
  # It says on stdout that there is nothing to commit.
  git commit --quiet --no-verify --cleanup=whitespace --file=- <&3 >&2 || git diff --cached --quiet
  head=''
  [ "$branch" != "$WORKING" ] || { read -r head < ".git/refs/heads/$WORKING"; } 2> /dev/null || head=''
  [ -n "$head" ] || head=$(git rev-parse --verify 'HEAD^{commit}')
}

# References among the agent's own commits.
if [ -s "$work/nested" ] || { [ -n "$head" ] && [ "$head" != "$START" ] &&
  git diff-tree -r --raw --no-renames "$START" "$head" -- 2> /dev/null | grep -q '^:[0-7]* 160000 '; }; then
  links=1
fi
if [ "$changed$unmerged" != 00 ] || [ "$links$rebasing" = 10 ]; then
  commit_what_is_left
fi

name_lost_in_submodules | note_each submodule

printf '%s\n' "$head"
if [ -s "$work/notes" ]; then
  head -c 60000 "$work/notes" > "$work/left"
  printf 'LEFT %06d\n' "$(wc -c < "$work/left")"
  cat "$work/left"
fi
[ ! -e "$work" ] || rm -rf "$work"
for known in $KNOWN; do
  [ "$known" != "$head" ] || exit 0
done
{
  printf '%s\n' "$head"
  for known in $KNOWN; do printf '^%s\n' "$known"; done
} | git pack-objects --quiet --revs --thin --delta-base-offset --stdout
