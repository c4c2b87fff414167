#!/bin/bash
# output_test.sh LAUNCH_LOCAL PROGRAM CASE: what becomes of a run whose output nobody takes: its reader went away, the
# stream was closed, or cannot be written.
set -u
launch=$1 program=$2
. "$(dirname -- "${BASH_SOURCE[0]}")/checks.sh"

train=(train --model mlp --dataset breast-cancer --compressor sign --lr 0.001 --batch 8 --exchange sharded --out "$work/run")
# Long enough that it is not over first; the progress line comes twenty times a run.
endless=("${train[@]}" --steps 40000 --checkpoint-every 40000)

ended_with_a_checkpoint() {  # <what> <status>
  [ "$2" = 75 ] || fail "$1: the status is $2: $(cat "$work/said")"
  ls "$work"/run/checkpoints/checkpoint-*[0-9] >/dev/null 2>&1 || fail "$1: no checkpoint"
  rm -rf "$work/run"
}

# The ranks are told to end, as by SIGTERM: a checkpoint, status 75, and --elastic starts nothing again.
reader_goes_away() {
  { timeout 200 "$launch" --ranks 2 --program "$program" "${endless[@]}" 2>"$work/said"; echo $? >"$work/status"; } | head -n 2 >/dev/null
  ended_with_a_checkpoint "| head -n 2" "$(cat "$work/status")"
  contains "$(cat "$work/said")" "launch/local: nobody reads the output any more"
  { timeout 200 "$launch" --ranks 2 --program "$program" "${endless[@]}" 2>&1; echo $? >"$work/status"; } | head -n 2 >"$work/said"
  ended_with_a_checkpoint "2>&1 | head -n 2" "$(cat "$work/status")"
  { timeout 200 "$launch" --elastic restart --ranks 2 --program "$program" "${endless[@]}" 2>"$work/said"; echo $? >"$work/status"; } | true
  ended_with_a_checkpoint "--elastic | true" "$(cat "$work/status")"
  case $(cat "$work/said") in *"; restart 1"*) fail "--elastic started it again" ;; esac
  # Started where SIGPIPE is ignored, as some services do.
  { (trap '' PIPE; timeout 200 "$launch" --ranks 2 --program "$program" "${endless[@]}" 2>"$work/said"; echo $? >"$work/status"); } | head -n 1 >/dev/null
  ended_with_a_checkpoint "with SIGPIPE ignored" "$(cat "$work/status")"
}

# The results do not depend on where the output goes.
output_is_closed_or_full() {
  local how
  for how in '>&-' '>&- 2>&-' '<&- >&- 2>&-' '>/dev/full' '2>/dev/full >/dev/null'; do
    eval "\"\$launch\" --ranks 2 --program \"\$program\" \"\${train[@]}\" --steps 5 2>\"\$work/said\" $how"
    [ $? = 0 ] || fail "$how: the status is not 0"
    [ -s "$work/run/summary.json" ] || fail "$how: no summary"
    [ "$how" != '>/dev/full' ] || contains "$(cat "$work/said")" "launch/local: the output cannot be written (No space left on device)"
    rm -rf "$work/run"
  done
}

# Without a launcher it is the program's own matter.
reader_of_a_single_process_goes_away() {
  { timeout 200 "$program" "${endless[@]}" 2>"$work/said"; echo $? >"$work/status"; } | head -n 2 >/dev/null
  ended_with_a_checkpoint "| head -n 2" "$(cat "$work/status")"
  { timeout 200 "$program" "${endless[@]}" 2>&1; echo $? >"$work/status"; } | head -n 2 >"$work/said"
  ended_with_a_checkpoint "2>&1 | head -n 2" "$(cat "$work/status")"
  { timeout 200 "$program" "${endless[@]}" 2>"$work/said"; echo $? >"$work/status"; } | true
  ended_with_a_checkpoint "| true" "$(cat "$work/status")"
}

# No file of the run may become standard output; what is printed into a full one is not lost unsaid.
output_of_a_single_process_is_closed_or_full() {
  local how
  for how in '>&-' '<&- >&- 2>&-' '>/dev/full'; do
    eval "\"\$program\" \"\${train[@]}\" --steps 5 2>\"\$work/said\" $how"
    [ $? = 0 ] || fail "$how: the status is not 0: $(cat "$work/said")"
    [ -s "$work/run/summary.json" ] && [ "$(head -c 5 "$work/run/metrics.csv")" = step, ] || fail "$how: the run's files are spoilt"
    [ "$how" != '>/dev/full' ] || contains "$(cat "$work/said")" "tersegrad: standard output could not be written"
    rm -rf "$work/run"
  done
  "$program" list >/dev/full 2>"$work/said" && fail "list: status 0 though its output was lost"
  contains "$(cat "$work/said")" "tersegrad: standard output could not be written"
}

declare -F "$3" >/dev/null || fail "no case '$3'"
"$3"
echo "passed: $3"
