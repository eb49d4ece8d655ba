# Commits what lies in /workspace and hands it out (spec README, 41). Runs inside the sandbox, without network and
# without credentials. Works through a git directory of its own: of the checkout's, which may be damaged in any
# way, only objects, refs and the index are read, and nothing is changed.
#
# In:  MIRROR WORKING LEFT_BY, MODE: all, or files (the checkout's own commits are left out), author and committer in
#      git's own variables; stdin is "<commit to compare with when the checkout has none> <commits the mirror has>…\n"
# Out: "<commit>\n" and a pack of what the mirror lacks; what could not be kept is named in the commit's message
# Exit code 40: nothing was left. Any other: it cannot be done this way.
set -eu
read -r FALLBACK KNOWN
exec < /dev/null

work=$(pwd)
rm -rf "$HOME"/.mogplex-aside.*
shadow=$(mktemp -d "$HOME/.mogplex-aside.XXXXXX")
trap 'rm -rf "$shadow"' EXIT
checkout=$work/.git
export GIT_DIR="$shadow/git" GIT_INDEX_FILE="$shadow/index"
env -u GIT_DIR -u GIT_WORK_TREE git init --quiet --bare --template= "$GIT_DIR"
# It has a work tree after all.
git config core.bare false
mkdir "$GIT_DIR/info"
GIT_ALTERNATE_OBJECT_DIRECTORIES=$MIRROR/objects
if [ -f "$checkout/info/exclude" ]; then cp "$checkout/info/exclude" "$GIT_DIR/info/exclude"; fi
if [ "$MODE" = all ] && [ -d "$checkout/objects" ]; then
  GIT_ALTERNATE_OBJECT_DIRECTORIES=$checkout/objects:$GIT_ALTERNATE_OBJECT_DIRECTORIES
fi
export GIT_ALTERNATE_OBJECT_DIRECTORIES
: > "$shadow/not-kept"

# REF of the checkout: the commit it stands for, or nothing.
resolve() {
  value=''
  if [ -f "$checkout/$1" ]; then read -r value < "$checkout/$1" || true; fi
  case $value in
    'ref: '*)
      [ "${2:-0}" -lt 5 ] || return 0
      resolve "${value#ref: }" $((${2:-0} + 1))
      return 0
      ;;
  esac
  if [ -z "$value" ] && [ -f "$checkout/packed-refs" ]; then
    value=$(grep -F -- " $1" "$checkout/packed-refs" | while read -r commit ref; do
      [ "$ref" != "$1" ] || printf '%s\n' "$commit"
    done)
  fi
  [ -z "$value" ] || git rev-parse --quiet --verify "$value^{commit}" || true
}

head='' tips=''
if [ "$MODE" = all ]; then
  head=$(resolve HEAD)
  working=$(resolve "refs/heads/$WORKING")
  [ -n "$head" ] || head=$working
  tips=$head
  [ -z "$working" ] || [ "$working" = "$head" ] || tips="$head $working"
fi
stand=${head:-$FALLBACK}
# shellcheck disable=SC2086
undelivered=$([ -z "$tips" ] || git rev-list --max-count=1 $tips --not $KNOWN)

# With the checkout's own index not every file has to be read.
{
  [ "$MODE" = all ] && [ -f "$checkout/index" ] && cp -p "$checkout/index" "$GIT_INDEX_FILE" &&
    git read-tree --reset "$stand" 2> /dev/null
} || {
  rm -f "$GIT_INDEX_FILE"
  git read-tree "$stand"
}

# The owner of the files may read them all; who took that away from himself gets it back.
find . -path ./.git -prune -o -type d ! -perm -u=rwx -exec chmod u+rwx {} \;
find . -path ./.git -prune -o -type f ! -perm -u=r -exec chmod u+r {} +

# Repositories in the work tree that are no submodules are kept as files, as far as they do not ignore them.
set -- . "$NOT_IN_CONTROL" "$NOT_CONTROL"
find . -path ./.git -prune -o -name .mogplex -prune -o -mindepth 2 -name .git -prune -print > "$shadow/nested"
: > "$shadow/repositories"
while IFS= read -r marker; do
  nested=${marker%/.git}
  nested=${nested#./}
  [ -d "$nested" ] || continue
  ! git check-ignore --quiet -- "$nested" || continue
  case $(GIT_LITERAL_PATHSPECS=1 git ls-files --stage -- "$nested") in
    160000*) continue ;;
  esac
  set -- "$@" ":(exclude,top,literal)$nested"
  printf '%s\n' "$nested" >> "$shadow/repositories"
  printf '%s\n' "$nested/.git" >> "$shadow/not-kept"
done < "$shadow/nested"

isolated_list() {
  env -u GIT_INDEX_FILE -u GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_DIR="$PWD/.git" GIT_WORK_TREE="$PWD" \
    git ls-files -z --cached --others --exclude-standard ||
    find . -name .git -prune -o -type f -print0 -o -type l -print0
}
only_files() {
  xargs -0 sh -c 'for path; do if [ -f "$path" ] || [ -L "$path" ]; then printf "%s\\0" "$path"; fi; done' sh
}

whole=1
git add --all --ignore-errors -- "$@" 2> /dev/null || whole=0
if [ "$whole" = 0 ]; then
  {
    git diff-files --name-only
    git ls-files --others --exclude-standard -- "$@"
  } > "$shadow/rest"
  # Nothing says what else is missing then.
  [ -s "$shadow/rest" ] || exit 41
  cat "$shadow/rest" >> "$shadow/not-kept"
fi
find . -path ./.git -prune -o -name .mogplex -prune -o \( -type p -o -type s -o -type b -o -type c \) -print > "$shadow/special"
while IFS= read -r path; do
  git check-ignore --quiet -- "$path" || printf '%s\n' "${path#./}" >> "$shadow/not-kept"
done < "$shadow/special"

# What was there before the agent began is the install command's.
baseline=$checkout/mogplex/baseline
began=''
if [ -f "$checkout/mogplex/began-at" ]; then read -r began < "$checkout/mogplex/began-at" || true; fi
if [ "$MODE" = all ] && [ -n "$began" ] && git cat-file -e "$began^{commit}" 2> /dev/null && cp -p "$baseline" "$shadow/baseline" 2> /dev/null; then
  git diff-index --cached --name-only "$stand" | sort -u > "$shadow/changed"
  {
    GIT_INDEX_FILE=$shadow/baseline git update-index -q --refresh > /dev/null || true
    GIT_INDEX_FILE=$shadow/baseline git diff-files --name-only
    GIT_INDEX_FILE=$shadow/baseline git ls-files --others --exclude-standard
    git diff --name-only "$began" "$stand" --
  } | sort -u > "$shadow/since"
  comm -23 "$shadow/changed" "$shadow/since" > "$shadow/before"
  if [ -s "$shadow/before" ]; then
    GIT_LITERAL_PATHSPECS=1 git reset --quiet --pathspec-from-file="$shadow/before" "$stand"
  fi
fi

# Of these the baseline knows nothing.
while IFS= read -r nested; do
  (cd "$nested" && isolated_list 2> /dev/null | only_files | git update-index --add --remove -z --stdin 2> /dev/null) ||
    printf '%s\n' "$nested" >> "$shadow/not-kept"
done < "$shadow/repositories"

tree=$(git write-tree)
sort -u -o "$shadow/not-kept" "$shadow/not-kept"
if [ -z "$undelivered" ] && [ ! -s "$shadow/not-kept" ] && [ "$tree" = "$(git rev-parse "$stand^{tree}")" ]; then exit 40; fi
set -- -p "$stand"
[ -z "$tips" ] || [ "$tips" = "$head" ] || set -- "$@" -p "${tips#* }"
commit=$({
  printf 'Left by run %s\n' "$LEFT_BY"
  [ ! -s "$shadow/not-kept" ] || {
    printf '\nNot kept:\n'
    head -n 100 "$shadow/not-kept"
  }
} | git commit-tree "$tree" "$@")
printf '%s\n' "$commit"
{
  printf '%s\n' "$commit"
  for known in $KNOWN; do printf '^%s\n' "$known"; done
} | git pack-objects --quiet --revs --thin --delta-base-offset --stdout
