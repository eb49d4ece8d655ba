# What a repository keeps elsewhere: submodules, and files in Git LFS (issue 8, B). Neither is fetched. What the
# checkout has instead is named, and nothing is made of it that would damage the repository. Functions for
# checkout.sh and collect.sh; a repository that has neither costs no process.

lfs_word='version https://git-lfs.github.com/spec/v1'

# Whether attributes at the top speak of Git LFS, which is where it puts them.
uses_lfs() {
  [ -f .gitattributes ] || return 1
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *filter=lfs*) return 0 ;; esac
  done < .gitattributes
  return 1
}

# "submodule PATH" and "lfs PATH" lines, the first of each; long paths are cut.
name_missing_content() {
  [ ! -f .gitmodules ] || git config --file .gitmodules --get-regexp '^submodule\..*\.path$' |
    sed -n '1,21{s/^submodule\..*\.path /submodule /;s/\(.\{150\}\).*/\1…/;p;}'
  ! uses_lfs || git ls-files -- ':(top,attr:filter=lfs)' |
    sed -n '1,21{s/^/lfs /;s/\(.\{150\}\).*/\1…/;p;}'
}

# So that an agent's own `git add` does not put a file where a pointer belongs: it is refused, with the reason.
guard_lfs() {
  uses_lfs || return 0
  git config filter.lfs.clean "IFS= read -r line || [ -n \"\$line\" ] || exit 0
case \$line in '$lfs_word') printf '%s\\n' \"\$line\"; exec cat ;; esac
echo 'Git LFS is not available in this sandbox. Leave out' %f >&2
exit 1"
  git config filter.lfs.smudge cat
  git config filter.lfs.required true
}

# After the work tree has been staged: puts the pointers of START (a commit) back into the index where a file of
# Git LFS has become a plain one, and takes new ones out. Prints their paths, as git quotes them.
leave_out_plain_lfs() {
  uses_lfs || return 0
  tab='	' lfs=.git/mogplex/lfs
  mkdir -p .git/mogplex
  git ls-files --stage -- ':(top,attr:filter=lfs)' | sed 's/^\([0-7]*\) \([0-9a-f]*\) 0/\1 blob \2/' > "$lfs-now"
  git ls-tree -r --full-tree "$1" > "$lfs-before"
  grep -vxF -f "$lfs-before" "$lfs-now" | grep -v '^120000' > "$lfs-changed" || :
  while IFS=$tab read -r entry path; do
    is_pointer "${entry##* }" || printf '0 %040d\t%s\n' 0 "$path"
  done < "$lfs-changed" > "$lfs-plain"
  if [ -s "$lfs-plain" ]; then
    awk -F '\t' 'NR == FNR { print; plain[$2]; next } $2 in plain' "$lfs-plain" "$lfs-before" |
      git update-index --index-info
    sed 's/^[^\t]*\t//' "$lfs-plain"
  fi
  rm -f "$lfs-now" "$lfs-before" "$lfs-changed" "$lfs-plain"
}

# BLOB. An empty file is kept as it is by Git LFS too.
is_pointer() {
  [ "$(git cat-file -s "$1")" != 0 ] || return 0
  [ "$(git cat-file blob "$1" | head -n 1 | head -c 100)" = "$lfs_word" ]
}

# What an agent has written into directories of submodules, where git does not look: files where nothing is fetched,
# and a submodule that the agent has fetched itself and changed. The first hundred paths.
name_lost_in_submodules() {
  [ -f .gitmodules ] || return 0
  git -c core.quotePath=false ls-files --stage | sed -n 's/^160000 [0-9a-f]* [0-3]	//p' |
    while IFS= read -r path; do
      [ -d "$path" ] && [ ! -L "$path" ] || continue
      if [ -e "$path/.git" ]; then
        git diff-files --quiet --ignore-submodules=none -- ":(top,literal)$path" || printf '%s\n' "$path"
      else
        find "./$path" ! -type d -print | sed 's|^\./||'
      fi
    done | head -n 100
}
