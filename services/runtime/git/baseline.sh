# The work tree as an install command has left it, as an index: .git/mogplex/baseline. What is the same at the end of
# the run is not the agent's work (unstage.sh). Runs inside the sandbox, without network; needs stage.sh.
#
# In:  START (the commit that is checked out)
set -eu
exec < /dev/null

baseline=.git/mogplex/baseline
differs=.git/mogplex/baseline-differs

[ -d .git ] || exit 31
look_around
need_work
cp .git/index "$work/index" 2> /dev/null || true
GIT_INDEX_FILE=$PWD/$work/index
export GIT_INDEX_FILE
sort_found
stage_all || true
[ ! -s "$work/nested" ] || stage_nested
if git diff-index --cached --quiet "$START" --; then
  rm -f "$differs"
else
  : > "$differs"
fi
unset GIT_INDEX_FILE
mv "$work/index" "$baseline"
rm -rf "$work"
