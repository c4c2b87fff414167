#!/bin/bash
# downstream_test.sh CMAKE BUILD SOURCE: installs BUILD into a new folder and builds the project SOURCE against it.
set -eu
cmake=$1 build=$2 source=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/a prefix"
"$cmake" --install "$build" --prefix "$prefix" >"$work/log" || { cat "$work/log"; exit 1; }
"$cmake" -G Ninja -S "$source" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
"$cmake" --build "$work/build"
"$work/build/downstream"
"$prefix/bin/tersegrad" --version
# Nothing that was installed may lead back to the build folder.
if grep -rl --include='*.cmake' --include='*.hpp' -F "$build" "$prefix"; then
  echo "these installed files name the build folder"
  exit 1
fi
echo "downstream PASSED"
