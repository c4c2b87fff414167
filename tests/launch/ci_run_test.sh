#!/bin/bash
# ci_run_test.sh CI_RUN: its stages, with stand-ins for what they call: times, names, exit statuses, the tests' closing line.
set -u
ci_run=$(readlink -f "$1")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/.ci" "$work/launch" "$work/cmake" "$work/build" "$work/bin"

fail() {
  echo "FAILED: $*; it said: $(cat "$work/said")"
  exit 1
}

stand_in() {  # <file> <exit status> <what it prints>
  printf '#!/bin/bash\necho "%s"\nexit %d\n' "$3" "$2" > "$work/$1"
  chmod +x "$work/$1"
}

everything_works() {
  cp "$ci_run" "$work/.ci/run"
  stand_in launch/install 0 'all installed'
  stand_in bin/cmake 0 configured
  stand_in bin/python3 0 'pip 23'
  stand_in launch/build 0 built
  stand_in cmake/check-newest-torch 0 'all 19 units compile'
  stand_in launch/test 0 '100% tests passed, 0 tests failed out of 7'
}

ends() {  # <exit status> <pattern of a line>…: runs it; the lines stand in its output, in this order
  local expected=$1 status=0 from=0 at
  shift
  PATH=$work/bin:$PATH bash "$work/.ci/run" > "$work/said" 2>&1 < /dev/null || status=$?
  [ $status = "$expected" ] || fail "the exit status is $status, not $expected"
  for line in "$@"; do
    at=$(tail -n +$((from + 1)) "$work/said" | grep -n -m 1 -E "^$line\$") || fail "there is no line '$line' below line $from"
    from=$((from + ${at%%:*}))
  done
}

lacks() {  # <text>
  ! grep -q -F "$1" "$work/said" || fail "it says '$1'"
}

time='+[0-9]+\.[0-9]'
passed='100% tests passed, 0 tests failed out of 7'

everything_works
ends 0 "$passed" 'stage +minutes' "install $time" "build $time" "newest LibTorch headers $time" "tests $time" "total $time" "$passed"
[ "$(tail -n 1 "$work/said")" = "$passed" ] || fail "the tests' closing line is not the last"
lacks 'may take'

everything_works
sed -i 's/^allowed=38/allowed=0/' "$work/.ci/run"
ends 0 "total $time" '.*0\.[0-9] minutes are more than the 0 that it may take' "$passed"

everything_works
stand_in launch/install 3 'no network'
ends 3 'no network' "install $time  failed, exit status 3" ".*stage 'install' failed"
lacks configured

everything_works
stand_in launch/build 2 'ninja: build stopped'
ends 2 'ninja: build stopped' "build $time  failed, exit status 2" ".*stage 'build' failed"
lacks 'all 19 units'

everything_works
stand_in cmake/check-newest-torch 1 '1 of 19 units do not compile'
ends 1 '1 of 19.*' "newest LibTorch headers $time  failed, exit status 1" ".*stage 'newest LibTorch headers' failed"
lacks 'tests passed'

everything_works
stand_in cmake/check-newest-torch 77 'skipped: no index'
ends 0 'skipped: no index' "newest LibTorch headers $time  skipped.*" "tests $time" "$passed"

everything_works
stand_in launch/test 8 '86% tests passed, 1 tests failed out of 7'
ends 8 "tests $time  failed, exit status 8" '86% tests passed, 1 tests failed out of 7' ".*stage 'tests' failed"

# An exit status of the tests' own never counts as skipped.
everything_works
stand_in launch/test 77 'No tests were found'
ends 77 ".*stage 'tests' failed"
echo "ci_run PASSED"
