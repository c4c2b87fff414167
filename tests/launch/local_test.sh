#!/bin/bash
# local_test.sh LAUNCH_LOCAL CASE: one test of launch/local; the cases are the functions below.
set -u
launch=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  exit 1
}

equal() {  # <what> <actual> <expected>
  [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

contains() {  # <text> <part>
  case $1 in *"$2"*) ;; *) fail "'$1' does not contain '$2'" ;; esac
}

# A program that writes its process id and waits: what a rank in mid-step looks like from outside.
waiting_program() {
  cat >"$work/wait" <<'EOF'
#!/bin/bash
trap 'echo "asked to end" | tee -a "$0.asked.$OMPI_COMM_WORLD_RANK"; exit 9' TERM
echo $$ >"$0.$OMPI_COMM_WORLD_RANK"
while :; do sleep 0.1; done
EOF
  chmod +x "$work/wait"
}

appears() {  # <file>: waits until it is there and not empty
  for _ in $(seq 1200); do
    [ -s "$1" ] && return
    sleep 0.1
  done
  fail "no $1 within two minutes"
}

# Waits until both ranks of waiting_program run.
ranks_run() {
  appears "$work/wait.0"
  appears "$work/wait.1"
}

# Fails unless the ranks are gone soon; a zombie that nobody reaps counts as gone.
ranks_gone() {
  local left rank
  for _ in $(seq 300); do
    left=
    for rank in 0 1; do
      grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$(cat "$work/wait.$rank")/status" && left="$left $rank"
    done
    [ -z "$left" ] && return
    sleep 0.1
  done
  fail "ranks are left behind:$left"
}

# Starts two waiting ranks in the background as $job, their output in $work/output. A shell starts background commands
# with SIGINT ignored, which they cannot undo; env does.
start() {
  waiting_program
  env --default-signal=INT "$launch" --ranks 2 --program "$work/wait" >"$work/output" 2>&1 &
  job=$!
  ranks_run
}

print_counts_the_server() {
  contains "$("$launch" -n 3 --print train --compressor sign)" " -np 4 "
  contains "$("$launch" -n 3 --print train --exchange server)" " -np 4 "
  contains "$("$launch" -n 3 --print train --exchange allreduce)" " -np 3 "
  contains "$("$launch" -n 3 --print train --exchange=mpi-allreduce)" " -np 3 "
  contains "$("$launch" -n 3 --print bench)" " -np 3 "
  contains "$("$launch" --ranks 3 --print train)" " -np 3 "
  contains "$("$launch" --print train)" " -np 5 "
}

print_quotes_spaces() {
  local line words
  line=$("$launch" --ranks 1 --program /bin/echo --print -- "a b" '$HOME' "")
  contains "$line" "a\\ b"
  eval "words=($line)"
  equal "the last but one word, read back" "${words[-2]}" '$HOME'
  equal "the number of lines" "$(printf '%s\n' "$line" | wc -l)" 1
}

refuses_unknown_options() {
  local text status
  text=$("$launch" --sever 4 train 2>&1); status=$?
  equal "the status" $status 2
  contains "$text" "'--sever'"
  contains "$text" "--ranks"
  text=$("$launch" 2>&1); status=$?
  equal "the status" $status 2
  contains "$text" "no subcommand"
}

refuses_bad_numbers() {
  local value status
  for value in 0 -1 x 1.5 "" "2 3"; do
    "$launch" -n "$value" --print train 2>/dev/null; status=$?
    equal "the status for -n '$value'" $status 2
  done
  "$launch" --ranks 2>/dev/null; status=$?
  equal "the status for a missing value" $status 2
}

refuses_a_missing_program() {
  local text status
  text=$("$launch" --program "$work/none" train 2>&1); status=$?
  equal "the status" $status 2
  contains "$text" "$work/none"
  contains "$text" "cmake --build"
}

passes_arguments_on() {
  local got
  got=$("$launch" --ranks 1 --program /usr/bin/printf -- '<%s>' "a b" --print "" 2>/dev/null)
  equal "what a rank gets" "$got" "<a b><--print><>"
}

passes_the_exit_status_on() {
  local status
  "$launch" --ranks 2 --program /bin/sh -- -c 'exit 0'; status=$?
  equal "the status" $status 0
  "$launch" --ranks 2 --program /bin/sh -- -c 'exit 7' 2>"$work/errors"; status=$?
  equal "the status" $status 7
  ! grep -q -e '-----' "$work/errors" || fail "mpirun's notices came through: $(cat "$work/errors")"
}

names_a_killed_rank() {
  local text status
  local die='if [ $OMPI_COMM_WORLD_RANK = 1 ]; then kill -9 $$; else sleep 20; fi'
  text=$("$launch" --ranks 2 --program /bin/sh -- -c "$die" 2>&1); status=$?
  equal "the status" $status 137
  contains "$text" "rank 1 "
  contains "$text" "signal 9"
}

# What Open MPI 4.1.4 prints in one of ten such cases: its log of states, and no notice.
names_a_killed_rank_that_mpirun_forgets() {
  local text status
  mkdir "$work/bin"
  cat >"$work/bin/mpirun" <<'EOF'
#!/bin/sh
[ "$*" != --version ] || { echo "mpirun (Open MPI) 4.1.4"; exit; }
echo "[host:196] [[8263,0],0] ACTIVATE JOB [8263,1] STATE RUNNING AT state_base_fns.c:692" >&2
echo "a line of the program" >&2
echo "[host:196] [[8263,0],0] ACTIVATE PROC [[8263,1],3] STATE ABORTED BY SIGNAL AT odls_base_default_fns.c:1746" >&2
exit 137
EOF
  chmod +x "$work/bin/mpirun"
  text=$(PATH="$work/bin:$PATH" "$launch" --ranks 1 --program /bin/true 2>&1); status=$?
  equal "the status" $status 137
  equal "what is said" "$text" "a line of the program
mpirun: process rank 3 exited on signal 9 (Killed)."
}

# Says what Open MPI 5.0.11 does, its log of states and its wrapped frames, and ends with its status.
open_mpi_5() {  # <its last frame> <status>
  mkdir -p "$work/bin"
  cat >"$work/bin/mpirun" <<END
#!/bin/bash
[ "\$*" != --version ] || { echo "mpirun (Open MPI) 5.0.11"; exit; }
echo "\$*" >"$work/words"
rule=\$(printf -- '-%.0s' {1..74})
log="[host:196] [prterun-host-196@0,0] [1796056896.861706]"
{ echo "\$log ACTIVATE JOB prterun-host-196@1 STATE JOB STARTED AT state_base_fns.c:490"
  echo "\$log ACTIVATING PROC [prterun-host-196@1,3] STATE RUNNING"
  echo "a line of the program"
  $3
  printf '%s\n' "\$rule" "$1" "\$rule"; } >&2
exit $2
END
  chmod +x "$work/bin/mpirun"
}

reads_the_notices_of_open_mpi_5() {
  local text status
  open_mpi_5 "prterun noticed that process rank 3 with PID 9067 on node host exited on
signal 9 (Killed)." 137 'echo "$log ACTIVATE PROC [prterun-host-196@1,3] STATE ABORTED BY SIGNAL AT odls_base_default_fns.c:1931"'
  text=$(PATH="$work/bin:$PATH" "$launch" --ranks 1 --program /bin/true 2>&1); status=$?
  equal "the status of a killed rank" $status 137
  equal "what is said" "$text" "a line of the program
mpirun noticed that process rank 3 with PID 9067 on node host exited on signal 9 (Killed)."
  contains "$(cat "$work/words")" "--map-by slot:OVERSUBSCRIBE"
  case $(cat "$work/words") in *isolated* | *vader*) fail "options of 4.1: $(cat "$work/words")" ;; esac

  # Its log alone names the rank where the notice is missing.
  open_mpi_5 "prterun detected that one or more processes exited with non-zero status,
thus causing the job to be terminated. The first process to do so was:" 137 \
    'echo "$log ACTIVATE PROC [prterun-host-196@1,3] STATE ABORTED BY SIGNAL AT odls_base_default_fns.c:1931"'
  text=$(PATH="$work/bin:$PATH" "$launch" --ranks 1 --program /bin/true 2>&1); status=$?
  equal "what is said without the notice" "$text" "a line of the program
mpirun: process rank 3 exited on signal 9 (Killed)."

  open_mpi_5 "The user-provided time limit for job execution has been reached:

  Timeout: 2 seconds

The job will now be aborted.  Please check your code and/or" 241 :
  text=$(PATH="$work/bin:$PATH" "$launch" --timeout 2 --ranks 1 --program /bin/true 2>&1); status=$?
  equal "the status at the time limit" $status 110
  equal "what is said" "$text" "a line of the program
launch/local: ended the job after its time limit of 2 seconds"

  open_mpi_5 'prterun has exited due to process rank 1 with PID 0 on node vm calling
\"abort\". This may have caused other processes in the application to be
terminated by signals sent by prterun (as reported here).' 70 :
  text=$(PATH="$work/bin:$PATH" "$launch" --ranks 1 --program /bin/true 2>&1); status=$?
  equal "the status of an abort" $status 70
  equal "what is said" "$text" "a line of the program"
}

# A batch system's warning: the ranks are told as by SIGTERM, and told again they are not ended at once.
passes_sigusr1_on() {
  start
  kill -USR1 "$job"
  wait "$job"
  equal "the status, which is the ranks'," $? 9
  ranks_gone
  contains "$(cat "$work/output")" "asked to end"
}

# What Open MPI 4.1.4 does now and then where all ranks are killed at once.
ends_an_mpirun_that_stands_still() {
  local text status
  mkdir "$work/bin"
  cat >"$work/bin/mpirun" <<'EOF'
#!/bin/sh
[ "$*" != --version ] || { echo "mpirun (Open MPI) 4.1.4"; exit; }
echo "[host:196] [[8263,0],0] ACTIVATE PROC [[8263,1],3] STATE ABORTED BY SIGNAL AT odls_base_default_fns.c:1746" >&2
exec sleep 600
EOF
  chmod +x "$work/bin/mpirun"
  text=$(PATH="$work/bin:$PATH" "$launch" --ranks 1 --program /bin/true 2>&1); status=$?
  equal "the status" $status 70
  contains "$text" "mpirun did not end behind its ranks"
}

# What Open MPI 4.1.4 does where it has too few open files, and 5.0.11 now and then across hosts.
ends_an_mpirun_that_starts_no_rank() {
  local text status
  mkdir "$work/bin"
  printf '#!/bin/sh\n[ "$*" != --version ] || { echo "mpirun (Open MPI) 4.1.4"; exit; }\nexec sleep 600\n' >"$work/bin/mpirun"
  chmod +x "$work/bin/mpirun"
  text=$(TERSEGRAD_START_TIMEOUT=2 PATH="$work/bin:$PATH" "$launch" --ranks 1 --program /bin/true 2>&1); status=$?
  equal "the status" $status 70
  contains "$text" "launch/local: mpirun started no rank within 2 seconds; it was ended"
  # A rank that is there is not taken for one that is missing.
  "$launch" --ranks 1 --program /bin/sleep 1 || fail "status $?"
  TERSEGRAD_START_TIMEOUT=20 "$launch" --ranks 1 --program /bin/sleep 24 2>"$work/errors"; status=$?
  equal "the status of a rank that started" "$status$(cat "$work/errors")" 0
}

passes_sigterm_on() {
  start
  kill -TERM "$job"
  wait "$job"
  equal "the status, which is the ranks'," $? 9
  ranks_gone
  contains "$(cat "$work/output")" "asked to end"
}

# Ranks that do not end by themselves: mpirun ends them behind the grace, or at a second signal.
stubborn_program() {
  waiting_program
  sed -i "s/^trap .*/trap 'echo \"asked to end\" | tee -a \"\$0.asked.\$OMPI_COMM_WORLD_RANK\"' TERM/" "$work/wait"
}

start_stubborn() {  # <grace>
  stubborn_program
  "$launch" --grace "$1" --ranks 2 --program "$work/wait" >"$work/output" 2>&1 &
  job=$!
  ranks_run
}

ends_ranks_behind_the_grace() {
  start_stubborn 2
  kill -TERM "$job"
  wait "$job"
  [ $? -ne 0 ] || fail "the status is 0"
  ranks_gone
  # Here, both; whether they get to hear of mpirun's second request is up to its patience of a second.
  [ -s "$work/wait.asked.0" ] && [ -s "$work/wait.asked.1" ] || fail "not both ranks were asked to end"
  contains "$(cat "$work/output")" "asked to end"
}

ends_ranks_at_a_second_signal() {
  start_stubborn 1000
  kill -TERM "$job"
  # The first has been passed on: of two that come before it is looked at, a shell sees one.
  appears "$work/wait.asked.0"
  appears "$work/wait.asked.1"
  kill -TERM "$job"
  wait "$job"
  [ $? -ne 0 ] || fail "the status is 0"
  ranks_gone
}

# Stands for train: notes how it is started, leaves a checkpoint in the folder `out`, and fails.
failing_program() {  # <how>
  cat >"$work/train" <<EOF
#!/bin/bash
[ "\$OMPI_COMM_WORLD_RANK" = 0 ] || exec sleep 100
echo "\$OMPI_COMM_WORLD_SIZE: \$*" >>"$work/starts"
mkdir -p "$work/out/checkpoints"
touch "$work/out/checkpoints/checkpoint-\$((\$(wc -l <"$work/starts") * 90))" "$work/out/checkpoints/checkpoint-1000.part"
$1
EOF
  chmod +x "$work/train"
}

restarts_on_fewer_ranks() {
  local text
  failing_program 'kill -9 $$'
  text=$("$launch" --elastic restart:2 -n 2 --program "$work/train" train --steps 9 --out "$work/out" --checkpoint-every 3 2>&1)
  equal "the status" $? 137
  equal "the starts" "$(cat "$work/starts")" "3: train --steps 9 --out $work/out --checkpoint-every 3
2: train --steps 9 --out $work/out --checkpoint-every 3 --resume auto --agents 2
2: train --steps 9 --out $work/out --checkpoint-every 3 --resume auto --agents 2"
  contains "$text" "restart 1 of 2 from the checkpoint of step 90, on 2 ranks"
  contains "$text" "restart 2 of 2 from the checkpoint of step 180, on 2 ranks"
  # A restarted job that ends well has ended well.
  rm -rf "$work/starts" "$work/out"
  failing_program 'case $* in *--resume*) exit 0 ;; esac; kill -9 $$'
  sed -i 's/ || exec sleep 100$/ || case $* in *--resume*) exit 0 ;; *) exec sleep 100 ;; esac/' "$work/train"
  "$launch" --elastic restart:2 -n 2 --program "$work/train" train --out "$work/out" --checkpoint-every 3 >/dev/null 2>&1
  equal "the status" $? 0
  equal "the number of starts" "$(wc -l <"$work/starts")" 2
}

# Whatever is there, and whatever can be seen of it: a restart decides nothing, and never gives leave to remove checkpoints.
restarts_by_what_train_finds() {
  local text
  failing_program 'kill -9 $$'
  "$launch" --elastic restart:1 -n 2 --program "$work/train" train --overwrite=checkpoints --out "$work/out" --checkpoint-every 3 \
    >/dev/null 2>&1
  equal "the second start" "$(tail -n 1 "$work/starts")" \
    "2: train --out $work/out --checkpoint-every 3 --resume auto --overwrite --agents 2"
  # One that goes on is started again as it was.
  rm "$work/starts"
  "$launch" --elastic restart:1 -n 2 --program "$work/train" train --resume "$work/out" >/dev/null 2>&1
  equal "the second start" "$(tail -n 1 "$work/starts")" "2: train --resume $work/out"
  # No checkpoint.
  rm -r "$work/starts" "$work/out"
  failing_program 'rm -r "'"$work"'/out"; kill -9 $$'
  text=$("$launch" --elastic restart:1 -n 2 --program "$work/train" train --agents 5 --out "$work/out" --checkpoint-every 3 2>&1)
  contains "$text" "restart 1 of 1 (no checkpoint is to be seen yet), on 2 ranks"
  equal "the second start" "$(tail -n 1 "$work/starts")" "2: train --agents 5 --out $work/out --checkpoint-every 3 --resume auto"
}

# What `ls` prints, and what a pattern finds, depend on the surroundings; and users have files of their own.
restarts_whatever_names_look_like() {
  local text setting
  failing_program 'cd "'"$work"'/out/checkpoints"; mkdir -p checkpoint-9000; ln -sf none checkpoint-8000
touch checkpoint-0700 checkpoint-600.bak "checkpoint-1
checkpoint-500"; kill -9 $$'
  ls() { echo "checkpoint-400"; }
  export -f ls
  for setting in QUOTING_STYLE=shell-always LS_OPTIONS=-l POSIXLY_CORRECT=1 GREP_OPTIONS=--color=always GLOBIGNORE='*' SHELLOPTS=noglob \
                 BASHOPTS=failglob; do
    rm -rf "$work/starts" "$work/out"
    text=$(env "$setting" "$launch" --elastic restart:1 -n 2 --program "$work/train" train --out "$work/out" --checkpoint-every 3 2>&1)
    contains "$text" "restart 1 of 1 from the checkpoint of step 90, on 2 ranks"
    contains "$(tail -n 1 "$work/starts")" "--resume auto"
  done
}

restarts_only_what_failed() {
  local status text
  for status in 1 75; do
    rm -rf "$work/starts" "$work/out"
    failing_program "exit $status"
    text=$("$launch" --elastic restart -n 2 --program "$work/train" train --out "$work/out" --checkpoint-every 3 2>&1)
    equal "the status" $? $status
    equal "the number of starts" "$(wc -l <"$work/starts")" 1
  done
  text=$("$launch" --elastic restart -n 2 --program "$work/train" train --out "$work/out" 2>&1)
  equal "the status" $? 2
  contains "$text" "--checkpoint-every"
  text=$("$launch" --elastic start -n 2 --program "$work/train" train 2>&1)
  equal "the status" $? 2
  contains "$text" "'start'"
}

passes_sigint_on() {
  start
  kill -INT "$job"
  wait "$job"
  equal "the status, which is the ranks'," $? 9
  ranks_gone
  contains "$(cat "$work/output")" "asked to end"
}

ends_at_the_time_limit() {
  local text status
  text=$("$launch" --timeout 1 --ranks 1 --program /bin/sleep 30 2>&1); status=$?
  equal "the status" $status 110
  contains "$text" "time limit of 1 seconds"
}

# Long jobs outlive the version that started them.
takes_no_notice_of_an_update() {
  mkdir "$work/launch" || exit 1
  cp -r "$launch" "$(dirname "$launch")/cores" "$(dirname "$launch")/lib" "$work/launch"
  printf '#!/bin/bash\necho >"$0.started"\nwhile [ ! -e "%s" ]; do sleep 0.1; done\nexit 7\n' "$work/updated" >"$work/wait"
  chmod +x "$work/wait"
  "$work/launch/local" --ranks 1 --program "$work/wait" >"$work/output" 2>&1 &
  appears "$work/wait.started"
  yes ')' | head -n 1000 >"$work/new"
  cat "$work/new" >"$work/launch/local"
  touch "$work/updated"
  wait $!
  equal "the status" $? 7
  equal "what is said" "$(cat "$work/output")" ""
}

ends_with_its_shell() {
  start
  disown "$job"  # or the shell would announce the kill
  kill -KILL "$job"
  ranks_gone
}

works_from_any_folder() {
  mkdir "$work/a folder" || exit 1
  printf '#!/bin/sh\npwd\n' >"$work/a folder/a program"
  chmod +x "$work/a folder/a program"
  ln -s "$launch" "$work/a folder/a link"
  cd "$work/a folder" || exit 1
  equal "the rank's folder" "$("./a link" --ranks 1 --program "./a program")" "$(pwd)"
  contains "$("./a link" --print train)" "$(dirname "$(dirname "$launch")")/build/release/tersegrad train"
}

sets_threads() {
  local show='echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS'
  equal "the default" "$(OMP_NUM_THREADS=9 "$launch" --ranks 1 --program /bin/sh -- -c "$show")" "1 1"
  equal "--threads 2" "$("$launch" --threads 2 --ranks 1 --program /bin/sh -- -c "$show" 2>/dev/null)" "2 2"
  contains "$("$launch" --print train --threads=3)" " OPENBLAS_NUM_THREADS=3 "
  contains "$("$launch" --threads 3 --print train)" "train --threads 3"
  contains "$("$launch" --threads 500 --ranks 2 --program /bin/sh -- -c true 2>&1)" "2 ranks of 500 thread(s) share"
}

reads_nothing() {
  local left
  left=$(printf 'mine\n' | { "$launch" --ranks 1 --program /bin/cat >/dev/null; cat; })
  equal "what is left of the input" "$left" "mine"
}

declare -F "$2" >/dev/null || fail "no case '$2'"
"$2"
echo "passed: $2"
