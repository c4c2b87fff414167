#!/bin/bash
# upstream_torch_test.sh UPSTREAM_TORCH: how it comes by an environment and what it refuses, with stand-ins for Python, CMake
# and launch/test: each refusal is one line.
set -u
script=$(readlink -f "$1")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/cmake" "$work/launch" "$work/bin"
cp "$script" "$work/cmake/upstream-torch"

fail() {
  echo "FAILED: $*; it said: $(cat "$work/said")"
  exit 1
}

stand_in() {  # <file>: its text is read
  mkdir -p "$(dirname "$work/$1")"
  { echo '#!/bin/bash'; cat; } > "$work/$1"
  chmod +x "$work/$1"
}

run() {  # <arguments>…: the exit status is $status, what it says in the file said
  status=0
  PATH=$work/bin:$PATH "$work/cmake/upstream-torch" "$@" > "$work/said" 2>&1 < /dev/null || status=$?
}

refuses() {  # <pattern> <arguments>…
  local pattern=$1
  shift
  run "$@"
  [ $status = 1 ] || fail "the exit status for '$*' is $status"
  [ "$(grep -c '' "$work/said")" -le "${lines:-1}" ] && grep -q -E "$pattern" "$work/said" || fail "for '$*' not one line with '$pattern'"
}

# Python: venv makes an environment of the stand-in below; the folder torch in it stands for the installed wheel.
stand_in bin/python3 << END
[ "\$1" = -c ] && exec test ! -e "$work/no_venv"
mkdir -p "\$3/bin" && cp "$work/bin/python" "\$3/bin/python"
END
stand_in bin/python << END
folder=\$(dirname "\$(dirname "\$0")")
case "\$*" in
  *find_spec*) [ ! -d "\$folder/torch" ] || echo "\$folder/torch" ;;
  *'import pip'*) test ! -e "$work/no_pip" ;;
  *'pip install'*)
    [ ! -e "$work/no_index" ] || { echo 'ERROR: no index'; echo 'a hint'; exit 1; }
    mkdir "\$folder/torch"
    echo "\${!#}" > "$work/installed" ;;
esac
END
stand_in bin/cmake <<< "echo \"\$* \$TERSEGRAD_TORCH_WHEEL\" > '$work/configured'"
stand_in launch/test << END
[ "\$1" != --check ] || { [ "\$*" = "\${*#*--no-such}" ] || { echo "launch/test: unknown option '\$2'"; exit 2; }; exit 0; }
echo "\$TERSEGRAD_PRESET \$*" > '$work/tested'
END

run --help
[ $status = 0 ] && grep -q '^usage: cmake/upstream-torch \[DIR\]' "$work/said" && ! grep -q '#' "$work/said" || fail 'no --help'
[ ! -e "$work/configured" ] || fail '--help acts'
refuses "^cmake/upstream-torch: unknown option '--no-such'" --no-such
[ ! -e "$work/build" ] || fail 'what launch/test does not know is found out after the wheel is there'

run "$work/env" -LE slow
[ $status = 0 ] || fail "the exit status is $status"
[ "$(cat "$work/installed")" = torch ] || fail 'torch was not installed'
[ "$(cat "$work/configured")" = "--preset upstream $work/env/torch" ] || fail "configured: $(cat "$work/configured")"
[ "$(cat "$work/tested")" = 'upstream -LE slow' ] || fail "tested: $(cat "$work/tested")"

# An option is not a folder's name; what is there is not installed again.
rm "$work/installed"
run -R noise
[ $status = 0 ] && [ -d "$work/build/torch-environment/torch" ] && [ "$(cat "$work/tested")" = 'upstream -R noise' ] || fail 'options alone'
rm "$work/installed"
run
[ $status = 0 ] && [ ! -e "$work/installed" ] || fail 'the same environment again'
TERSEGRAD_TORCH_PACKAGE=torch==2.7.1 run "$work/older"
[ "$(cat "$work/installed")" = torch==2.7.1 ] || fail 'another version'

touch "$work/no_venv"
refuses 'install python3-venv' "$work/new"
[ ! -e "$work/new" ] || fail 'half an environment is left'
rm "$work/no_venv"
mkdir "$work/full"
touch "$work/full/file"
refuses "full' is no Python environment and not empty" "$work/full"
refuses "file' is no Python environment and not empty" "$work/full/file"
run "$work/env2" && rm -r "$work/env2/torch"
touch "$work/no_pip"
refuses 'neither torch nor pip' "$work/env2"
rm "$work/no_pip"
touch "$work/no_index"
lines=2 refuses 'pip could not install torch: ERROR: no index' "$work/env2"
echo "upstream_torch PASSED"
