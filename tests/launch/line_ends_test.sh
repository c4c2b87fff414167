#!/bin/bash
# line_ends_test.sh ROOT: what users get whose git is told to make line ends of another system. Every byte is the
# repository's: a script with CRs does not start, and a corpus is no text.
set -eu
root=$(readlink -f "$1")
git -C "$root" rev-parse --verify -q HEAD >/dev/null 2>&1 || { echo "skipped: '$root' is no repository that git reads"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

git -C "$root" ls-tree -r HEAD | awk '$2 == "blob" && $1 != "120000"' | sed 's/^[0-7]* blob \([0-9a-f]*\)\t/\1 /' | LC_ALL=C sort >"$work/right"

compare() {  # <how the files came> <folder>
  (cd "$2" && cut -d' ' -f2- "$work/right" | git hash-object --no-filters --stdin-paths | paste -d' ' - <(cut -d' ' -f2- "$work/right") | LC_ALL=C sort) >"$work/found"
  different=$(LC_ALL=C comm -13 "$work/right" "$work/found" | cut -d' ' -f2-)
  if [ -n "$different" ]; then
    echo "$1: $(wc -l <<<"$different") files of $(wc -l <"$work/right") are not the repository's, e.g. $(head -3 <<<"$different" | tr '\n' ' ')"
    failed=1
  fi
  "$2/launch/cores" >/dev/null || { echo "$1: launch/cores does not start"; failed=1; }
}

for settings in core.autocrlf=true core.eol=crlf; do
  git -c "$settings" clone -q --depth 1 "file://$root" "$work/clone" --config "$settings"
  compare "a clone with $settings" "$work/clone"
  rm -rf "$work/clone"
done
mkdir "$work/archive"
git -C "$root" -c core.autocrlf=true archive HEAD | tar -x -C "$work/archive"
compare "an archive with core.autocrlf=true" "$work/archive"
exit $failed
