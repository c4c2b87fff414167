#!/bin/bash
# slurm_test.sh README PROGRAM LAUNCH_LOCAL: the batch script of the README, with stand-ins for Slurm's commands. A first
# start is ended by SIGTERM and requeued, the second goes on to the end, a third finds nothing left to do; one that was
# killed before its first checkpoint begins again, a failure is none of these.
set -u
readme=$(readlink -f "$1") program=$(readlink -f "$2") launch=$(readlink -f "$3")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() {
  echo "FAILED: $*"
  exit 1
}

# From the first line of Slurm's to the end of that block; a small run in the place of the README's.
sed -n '/^#!\/bin\/bash$/,/^```$/{/^```$/q;p}' "$readme" > job
grep -q '^#SBATCH' job && grep -q srun job || fail "the README has no batch script"
bash -n job || fail "the batch script is no shell script"
sed -i -e 's/--model resnet/--model mlp --compressor sign --lr 0.001 --steps STEPS/' -e 's/--checkpoint-every 10min …/--checkpoint-every 50/' job
grep -q '…' job && fail "the batch script is not what this test knows: $(cat job)"

mkdir bin
cat > bin/srun << END
#!/bin/bash
# srun --mpi=pmix PROGRAM ARGUMENTS…: three ranks; the first time, they are told to end behind a checkpoint.
# With Slurm's own default, which is no MPI, Open MPI would not start.
[ "\$1" = --mpi=pmix ] && [ "\$2" = tersegrad ] || exit 99
shift 2
echo "\$*" >> "$work/starts"
[ ! -e "$work/exit" ] || exit "\$(cat "$work/exit")"
"$launch" --ranks 3 --program "$program" -- "\$@" > "$work/said.\$(wc -l < "$work/starts")" 2>&1 &
if [ "\$(wc -l < "$work/starts")" = 1 ]; then
  # Any of them: the run keeps the newest two, each for some hundredths of a second.
  until compgen -G "$work/runs/a/checkpoints/checkpoint-*[0-9]" > /dev/null; do kill -0 \$! 2> /dev/null || exit 98; sleep 0.05; done
  kill -TERM \$!
fi
wait \$!
END
printf '#!/bin/bash\necho "$*" >> "%s"\n' "$work/requeued" > bin/scontrol
chmod +x bin/*

start() {  # the script as Slurm starts it
  PATH="$work/bin:$PATH" SLURM_JOB_ID=42 SLURM_JOB_NUM_NODES=1 bash job
}

# Four times, sixteen times, … as many steps where the run is over before it is told to end.
steps=3000
mv job job.any
while sed "s/STEPS/$steps/" job.any > job; start; status=$?; [ "$status" = 0 ] || [ "$status" = 98 ]; do
  [ "$steps" -lt 10000000 ] || fail "a run of $steps steps was not told to end"
  rm -r runs starts said.*
  steps=$((4 * steps))
done
[ "$status" = 75 ] || fail "the status of a run that a signal ended is $status: $(cat said.1)"
[ "$(cat requeued)" = "requeue 42" ] || fail "it was not requeued"
start || fail "the status of the finished run is $?: $(cat said.2)"
[ "$(wc -l < requeued)" = 1 ] || fail "a finished run was requeued"
[ "$(tail -n 1 starts)" = "$(head -n 1 starts)" ] || fail "the second start was $(tail -n 1 starts)"
grep -q "going on from 'runs/a/checkpoints/checkpoint-" said.2 || fail "it began again: $(cat said.2)"
grep -q "\"steps\": $steps" runs/a/summary.json || fail "it was not finished: $(cat said.2)"

# Requeued once more, as batch systems do behind a node that fails: nothing is left to do, and nothing is changed.
cp -p runs/a/summary.json finished.json
start || fail "the status of a finished run's start is $?: $(cat said.3)"
grep -q "is finished ($steps steps)" said.3 || fail "a finished run's start said: $(cat said.3)"
cmp -s runs/a/summary.json finished.json || fail "the summary was changed"
[ "$(wc -l < requeued)" = 1 ] || fail "a finished run was requeued"

# Killed before its first checkpoint: it begins again.
rm -r runs/a
mkdir -p runs/a/checkpoints
touch runs/a/checkpoints/checkpoint-50.part runs/a/run.h5.part
sed -i 's/--steps [0-9]*/--steps 50/' job
start || fail "the status of a run that begins again is $?: $(cat said.4)"
grep -q "it starts again" said.4 || fail "a run without a checkpoint said: $(cat said.4)"
grep -q '"steps": 50' runs/a/summary.json || fail "it did not begin again: $(cat said.4)"

# A failure is passed on, and not tried again.
echo 70 > exit
start
status=$?
[ "$status" = 70 ] || fail "the status of a failed run is $status"
[ "$(wc -l < requeued)" = 1 ] || fail "a failed run was requeued"
echo "passed"
