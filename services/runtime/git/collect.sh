# Commits what the agent left uncommitted and hands its commits out (runtime spec 3.4, "Delivery"). Runs inside
# the sandbox, without network and without credentials.
#
# In:  WORKING KNOWN (commits the host has, blank-separated), author and committer in git's own variables;
#      stdin is "go\n", which comes once the agent has ended, and the commit message
# Out: "<commit>\n", then, unless the host has it, a pack of what the host lacks
# Exit codes 30 to 39 are named in collect.ts.
set -eu
exec 3<&0 < /dev/null

IFS= read -r word <&3 && [ "$word" = go ] || exit 34

# The harness has ended with its whole process tree: a lock file left now belongs to nobody.
find .git -name objects -prune -o -type f -name '*.lock' -exec rm -f {} +

head='' branch='' changed=0 unmerged=0 control=0
newline='
'
status() {
  git status --porcelain=v2 --branch --untracked-files=normal -- "$@"
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
[ "$unmerged" = 0 ] || exit 32

# The agent may have left another branch checked out. Its work counts when one of the two contains the other.
if [ "$branch" != "$WORKING" ]; then
  working=$(git rev-parse --quiet --verify "refs/heads/$WORKING^{commit}") || exit 33
  if git merge-base --is-ancestor "$working" "$head"; then
    git checkout --quiet --no-track -B "$WORKING"
  elif [ "$changed" = 0 ] && git merge-base --is-ancestor "$head" "$working"; then
    head=$working
  else
    exit 33
  fi
fi

if [ "$changed" = 1 ]; then
  git add --all -- . "$NOT_IN_CONTROL" "$NOT_CONTROL"
  leave_out_plain_lfs "$head" > /dev/null
  # The agent may have staged the control directory itself.
  [ "$control" = 0 ] || git diff --cached --quiet -- "$IN_CONTROL" "$CONTROL" ||
    git reset --quiet -- "$IN_CONTROL" "$CONTROL"
  # It says on stdout that there is nothing to commit.
  git commit --quiet --no-verify --cleanup=whitespace --file=- <&3 >&2 || git diff --cached --quiet
  { read -r head < ".git/refs/heads/$WORKING"; } 2> /dev/null || head=$(git rev-parse --verify 'HEAD^{commit}')
fi

printf '%s\n' "$head"
for known in $KNOWN; do
  [ "$known" != "$head" ] || exit 0
done
{
  printf '%s\n' "$head"
  for known in $KNOWN; do printf '^%s\n' "$known"; done
} | git pack-objects --quiet --revs --thin --delta-base-offset --stdout
