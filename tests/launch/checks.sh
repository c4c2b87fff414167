# What the tests of launch/ share: a folder of their own, `work`, and how they fail. Sourced.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  exit 1
}

contains() {  # <text> <part>
  case $1 in *"$2"*) ;; *) fail "'$1' does not contain '$2'" ;; esac
}
