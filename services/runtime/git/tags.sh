# Tags (issue 8, B): `git describe` and its like want them. Read before checkout.sh, which calls take_tags.
#
# The mirror's are those that its git has followed from the remote, with the state of all of the remote's beside
# them in mogplex-tags. Here the state, and the base and working commits it was taken for, are in .git/mogplex: as
# long as they are the same nothing is started. What was taken is listed there too, so that a tag that is moved or
# deleted on the remote follows, and a tag of the agent's stays.

# Object that must be here, object of the ref, ref.
tag_format='%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end) %(objectname) %(refname)'

# BASE_COMMIT REMOTE_COMMIT LOCAL_COMMIT FRESH (0 or 1). A tag that cannot be made is left out.
take_tags() {
  mirror_tags=none
  [ ! -f "$MIRROR/mogplex-tags" ] || read -r mirror_tags < "$MIRROR/mogplex-tags"
  state=.git/mogplex/tags-state state_then='' remote_then=''
  if [ -f "$state" ]; then
    { read -r state_then && read -r remote_then; } < "$state" || state_then=''
  elif [ "$mirror_tags" = none ]; then
    return 0
  fi
  if [ "$state_then" = "$mirror_tags $1" ]; then
    [ "$remote_then" != "$2" ] || return 0
    # What was delivered from here brings no tag that is not here.
    [ "$2" = "$3" ] || replace_tags 0
  else
    replace_tags "$4"
  fi
  printf '%s\n%s\n' "$mirror_tags $1" "$2" > "$state"
}

# FRESH
replace_tags() {
  list=.git/mogplex/tags
  if ! mkdir .git/mogplex 2> /dev/null && { [ ! -d .git/mogplex ] || [ -L .git/mogplex ]; }; then
    rm -rf .git/mogplex
    mkdir .git/mogplex
  fi
  if [ "$1" = 1 ] && [ ! -e "$list" ] && [ ! -e .git/packed-refs ]; then
    list_tags > "$list"
    # A file each would take seconds for thousands.
    while read -r _ ref object; do printf '%s %s\n' "$object" "$ref"; done < "$list" > .git/packed-refs
    take_objects < "$list"
  else
    update_tags
  fi
}

update_tags() {
  rm -rf "$state" "$list-new" "$list-added" "$list-gone"
  [ -f "$list" ] || rm -rf "$list"
  : >> "$list"
  list_tags > "$list-new"
  grep -vxF -f "$list-new" "$list" | sed -n 's/^update \(refs\/tags\/[^ ]*\) .*/delete \1/p' > "$list-gone"
  grep -vxF -f "$list" "$list-new" > "$list-added"
  change_tags "$list-gone"
  take_objects < "$list-added"
  change_tags "$list-added"
  mv -f "$list-new" "$list"
}

# As git update-ref takes them: tags of the mirror that point at what is here.
list_tags() {
  GIT_DIR=$MIRROR git for-each-ref --format="$tag_format" refs/tags |
    git cat-file --batch-check='%(objectname) %(rest)' |
    while read -r _ object ref; do
      [ -z "$ref" ] || printf 'update %s %s\n' "$ref" "$object"
    done
}

# Objects of a list. Those of plain tags are here, and no harm twice.
take_objects() {
  while read -r _ _ object; do printf '%s\n' "$object"; done |
    GIT_DIR=$MIRROR git pack-objects --quiet --stdout |
    git -c core.fsync=none index-pack --stdin > /dev/null
}

# At once, or each by itself where one cannot be made beside a tag of the agent's.
change_tags() {
  [ -s "$1" ] || return 0
  git -c core.fsync=none update-ref --stdin < "$1" 2> /dev/null && return 0
  while read -r line; do printf '%s\n' "$line" | git update-ref --stdin; done < "$1" 2> /dev/null
}
