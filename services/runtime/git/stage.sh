# Puts the work tree into an index, as far as git can take it. Functions for collect.sh and baseline.sh, which
# run inside the sandbox.
#
# In:  GIT_INDEX_FILE where it is not the checkout's own index
# Out: $work/notes, one "<code> <path>" a line, of what is left out (skipped.ts has the codes)
# The ordinary case, with nothing unusual in the tree, starts no process more than git and one find.

tab='	'
# Of our own, gone at the end, and not there as long as nothing needs it.
work=.git/mogplex/work
need_work() { [ -d "$work" ] || mkdir -p "$work"; }
note() {
  need_work
  printf '%s %s\n' "$1" "$2" >> "$work/notes"
}

# The same for each line of stdin.
note_each() {
  while IFS= read -r path; do note "$1" "$path"; done
}

# Forbidden names are those of every file system, as they are for the host's checker of objects.
stage() { git -c core.protectHFS=true -c core.protectNTFS=true "$@"; }

# One walk for three things: locks that are left (the agent has ended with its whole process tree), repositories
# inside the repository, and what is neither file, link nor directory. A pipe called .gitignore would hold up git.
look_around() {
  [ ! -e "$work" ] || rm -rf "$work"
  found=$(find . \( -path './.git/*' -name objects -prune \) -o \
    \( -path './.git/*' -type f -name '*.lock' -exec rm -f {} + \) -o \
    -path './.git/*' -o -path ./.git -o -path ./.mogplex -prune -o \
    \( -name .git -prune -print \) -o \
    \( \( -type p -o -type s -o -type b -o -type c \) -name '.git*' -exec rm -f {} \; -print \) -o \
    \( \( -type p -o -type s -o -type b -o -type c \) -print \) 2> /dev/null) || true
}

# What look_around has found, without what git ignores: $work/nested has the repositories.
sort_found() {
  [ -n "$found" ] || return 0
  need_work
  : > "$work/nested"
  printf '%s\n' "$found" | sed 's|^\./||' | head -n 2000 > "$work/names"
  sed 's|/\.git$||' "$work/names" | git -c core.quotePath=false check-ignore --no-index --stdin > "$work/ignored" || true
  while IFS= read -r name; do
    case $name in
      */.git)
        root=${name%/.git}
        if is_ignored "$root" || is_declared "$root"; then continue; fi
        if is_linked_work_tree "$name"; then
          note worktree "$root"
          printf '%s\n' "$root" >> "$work/left-out"
        elif [ -d "$root" ]; then
          note nested "$name"
          printf '%s\n' "$root" >> "$work/nested"
        fi
        ;;
      *) is_ignored "$name" || note special "$name" ;;
    esac
  done < "$work/names"
}

is_ignored() { grep -Fqx -e "$1" "$work/ignored"; }

is_declared() {
  [ -f .gitmodules ] || return 1
  need_work
  [ -e "$work/declared" ] ||
    git config --file .gitmodules --get-regexp '^submodule\..*\.path$' | sed 's/^[^ ]* //' > "$work/declared" || true
  grep -Fqx -e "$1" "$work/declared"
}

is_linked_work_tree() {
  [ -f "$1" ] && { IFS= read -r pointer || [ -n "$pointer" ]; } < "$1" || return 1
  case $pointer in gitdir:*/worktrees/*) return 0 ;; esac
  return 1
}

# From git's own words to notes; $1 stands before the paths.
note_errors() {
  [ -n "$errors" ] || return 0
  need_work
  printf '%s\n' "$errors" | PREFIX=$1 awk '
    function say(code, start, end) {
      sub(start, ""); sub(end, "")
      # Git cuts its own words at 4,096 bytes, and with them why it was.
      if (length($0) > 3900) code = "toolong"
      print code " " ENVIRON["PREFIX"] $0
    }
    /^error: open\("/ { say("unreadable", "^error: open..", "..: [^:]*$"); next }
    /^error: readlink\("/ { say("unreadable", "^error: readlink..", "..: [^:]*$"); next }
    /^error: unable to index file / { say("other", "^error: unable to index file .", ".$"); next }
    /^error: invalid path / { say("name", "^error: invalid path .", ".$"); next }
    /^warning: could not open directory .*File name too long$/ {
      say("toolong", "^warning: could not open directory .", ".: [^:]*$"); next }
    /^warning: could not open directory / {
      say("unreadable", "^warning: could not open directory .", ".: [^:]*$"); next }
    /: can only add regular files, symbolic links or git-directories$/ {
      say("special", "^error: ", ": can only add .*$"); next }
    /does not have a commit checked out$/ { say("gitlink", "^error: .", "/. does not .*$") }
  ' >> "$work/notes"
}

# Everything but the repositories inside: `git add` would make bare references of them, or fail.
stage_all() {
  set -- . "$NOT_IN_CONTROL" "$NOT_CONTROL"
  for list in "$work/left-out" "$work/nested"; do
    [ -e "$list" ] || continue
    while IFS= read -r root; do set -- "$@" ":(exclude,top,literal)$root"; done < "$list"
  done
  errors=$(stage add --all --ignore-errors -- "$@" 2>&1 > /dev/null) && failed=0 || failed=1
  note_errors ''
  # Something fatal that names no file must not pass for a delivery of everything.
  [ "$failed" = 0 ] || [ -s "$work/notes" ]
}

# The repositories inside, one after the other, as trees of files.
stage_nested() {
  # The outer one first: what it has of its own goes before what lies inside.
  sort -u -o "$work/nested" "$work/nested"
  while IFS= read -r root; do
    drop_from_index "$root"
    stage_files_of "$root" || true
  done < "$work/nested"
}

drop_from_index() { git rm -r --cached --quiet --force --ignore-unmatch -- ":(top,literal)$1"; }

# False where there are none.
stage_files_of() {
  rm -f "$work/nested-index"
  errors=$(
    own=$PWD/$work
    root=$1
    set -- . "$NOT_IN_CONTROL" "$NOT_CONTROL"
    while IFS= read -r other; do
      case $other in "$root"/*) set -- "$@" ":(exclude,top,literal)${other#"$root"/}" ;; esac
    done < "$own/nested"
    export GIT_INDEX_FILE="$own/nested-index" GIT_WORK_TREE="$PWD/$root"
    cd "$root"
    stage add --all --ignore-errors -- "$@" 2>&1 > /dev/null
  ) || true
  note_errors "$1/"
  [ -e "$work/nested-index" ] || return 1
  tree=$(GIT_INDEX_FILE="$work/nested-index" git write-tree)
  [ "$(git cat-file -s "$tree")" != 0 ] || return 1
  git read-tree --prefix="$1/" "$tree"
  # What the repository around it ignores is ignored inside as well.
  git ls-files -z -- ":(top,literal)$1" | git check-ignore --no-index --stdin -z |
    git update-index --force-remove -z --stdin
}

# References to repositories that the agent has added itself: since $START, and declared nowhere.
replace_gitlinks() {
  need_work
  [ -e "$work/nested" ] || : > "$work/nested"
  git -c core.quotePath=false diff-index --cached --raw --no-renames --ignore-submodules=none "$START" -- 2> /dev/null |
    grep '^:[0-7]* 160000 ' > "$work/gitlinks" || return 0
  while IFS="$tab" read -r meta path; do
    if is_declared "$path" || grep -Fqx -e "$path" "$work/nested"; then continue; fi
    printf '0 0000000000000000000000000000000000000000\t%s\n' "$path" | git update-index --index-info
    if [ -d "$path" ] && ! is_linked_work_tree "$path/.git" && stage_files_of "$path"; then
      [ ! -e "$path/.git" ] || note nested "$path/.git"
    else
      note gitlink "$path"
    fi
  done < "$work/gitlinks"
}
