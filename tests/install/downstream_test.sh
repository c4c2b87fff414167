#!/bin/bash
# downstream_test.sh CMAKE BUILD SOURCE EXAMPLES LAUNCHER CONFORMANCE: installs BUILD into a new folder, builds the project SOURCE
# and the plug-ins EXAMPLES against it, and trains with them in the installed program.
set -eu
cmake=$1 build=$2 source=$3 examples=$4 launcher=$5 conformance=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/a prefix"
"$cmake" --install "$build" --prefix "$prefix" >"$work/log" || { cat "$work/log"; exit 1; }
"$cmake" -G Ninja -S "$source" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
"$cmake" --build "$work/build"
"$work/build/downstream"
"$prefix/bin/tersegrad" --version

# The examples as plug-ins: nothing of the source tree but themselves.
cp -r "$examples" "$work/examples"
"$cmake" -G Ninja -S "$work/examples" -B "$work/plugins" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_VISIBILITY_PRESET=hidden -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON
"$cmake" --build "$work/plugins"
mv "$prefix" "$work/moved"  # the program finds its library from its own place
prefix=$work/moved
options=()
for plugin in block_sign/block_sign own_data/rings own_model/two_layers; do options+=(--plugin "$work/plugins/$plugin.so"); done
"$launcher" -n 2 --program "$prefix/bin/tersegrad" train "${options[@]}" --model two-layers:width=8 --dataset rings \
  --compressor ef:block-sign --steps 20 --out "$work/run"
grep '"plugins": "block-sign 1.0 (block_sign.so, .*; rings 1.0 (rings.so, .*; two-layers 1.0 (two_layers.so, ' "$work/run/summary.json"
"$conformance" --plugin "$work/plugins/block_sign/block_sign.so" --gtest_brief=1

# Nothing that was installed may lead back to the build folder.
if grep -rl --include='*.cmake' --include='*.hpp' -F "$build" "$prefix"; then
  echo "these installed files name the build folder"
  exit 1
fi
echo "downstream PASSED"
