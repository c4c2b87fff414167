#!/bin/bash
# quickstart_test.sh QUICKSTART: what a second quickstart replaces, and what it leaves alone. With stand-ins for what it calls.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree/launch" "$work/tree/build/release"
cp "$1" "$work/tree/launch/quickstart"
printf '#!/bin/sh\nexit 0\n' >"$work/tree/launch/install"
cp "$work/tree/launch/install" "$work/tree/launch/build"
cat >"$work/tree/launch/local" <<'END'
#!/bin/bash
while [ $# -gt 0 ]; do [ "$1" != --out ] || out=$2; shift; done
[ ! -e "$STOP" ] || exit 75
mkdir -p "$out" && date +%N >"$out/summary.json"
END
cat >"$work/tree/build/release/tersegrad" <<'END'
#!/bin/sh
for last; do :; done
date +%N >"$last"
END
chmod +x "$work"/tree/launch/* "$work/tree/build/release/tersegrad"
export STOP=$work/stop
cd "$work" || exit 1
failed=0

check() {  # <what> <0: goes through, 1: refused> <folder> [<arguments>]
  local what=$1 refused=$2 folder=$3 before after status=0
  shift 3
  before=$(find "$folder" -type f -exec sha256sum {} + 2>/dev/null | sort)
  said=$("$work/tree/launch/quickstart" "$@" 2>&1) || status=$?
  after=$(find "$folder" -type f -exec sha256sum {} + 2>/dev/null | sort)
  if [ "$refused" = 0 ]; then
    [ $status = 0 ] && [ "$before" != "$after" ] || { echo "$what: status $status, $said"; failed=1; }
  else
    [ $status != 0 ] && [ "$before" = "$after" ] && [ "$(wc -l <<<"$said")" = 1 ] || { echo "$what: status $status, $said"; failed=1; }
  fi
}

runs=$work/tree/runs/quickstart
check "a first quickstart" 0 "$runs"
check "a second one" 0 "$runs"
touch "$STOP"
"$work/tree/launch/quickstart" >/dev/null 2>&1 && { echo "a run that fails: status 0"; failed=1; }
rm "$STOP"
check "after one that was ended" 0 "$runs"
echo mine >"$runs/notes.txt"
check "a file of the user's" 1 "$runs"
rm "$runs/notes.txt"
mkdir "$runs/my-run"
check "a run of the user's beside" 1 "$runs"
rmdir "$runs/my-run"
echo '{"mine": true}' >"$runs/sign/summary.json"
check "a run of the user's in the place of one" 1 "$runs"
check "another folder" 0 "$work/elsewhere" --out elsewhere
mkdir -p "$work/own/none" "$work/empty"
echo mine >"$work/own/none/run.h5"
check "a folder that no quickstart made" 1 "$work/own" "--out=$work/own"
check "an empty one" 0 "$work/empty" --out "$work/empty"
echo mine >"$work/file"
check "a file" 1 "$work/file" --out file
check "no folder" 1 "$work/own" --out
check "an unknown option" 1 "$work/own" --outt x
check "--help in front of what it does not know" 1 "$work/own" x --help
exit $failed
