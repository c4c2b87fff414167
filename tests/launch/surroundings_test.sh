#!/bin/bash
# surroundings_test.sh LAUNCH_LOCAL PROGRAM CASE: launch/local gives the same result whatever surrounds it. Every case but
# the last ones starts a small run below the surroundings of its name: status 0, the parameters of a plain start, nothing on
# standard error but launch/local's own lines. TERSEGRAD_OPENMPI5 and TERSEGRAD_MPICH name the folders of such installations;
# without them their cases are skipped, status 77. The case `starts` goes through all surroundings, TERSEGRAD_STARTS times
# each (1), with a line for each: TERSEGRAD_STARTS=50 takes half an hour on two idle cores.
set -u
launch=$1 program=$2 starts=${TERSEGRAD_STARTS:-1}
. "$(dirname -- "${BASH_SOURCE[0]}")/checks.sh"

run=(--ranks 2 --program "$program" train --model mlp --dataset breast-cancer --compressor sign --lr 0.001 --batch 8
     --steps 20 --exchange sharded --overwrite --out)

fingerprint() {  # <folder>
  sed -n 's/.*"parameters_fingerprint": "\([0-9a-f]*\)".*/\1/p' "$1/summary.json"
}

# What the test was started with is not the plain surroundings where it is itself part of a job.
for name in $(compgen -e); do
  case $name in OMPI_* | PMIX_* | PRTE_* | PMI_* | SLURM_* | PBS_* | OMP_*) unset "$name" ;; esac
done
"$launch" "${run[@]}" "$work/plain" >"$work/said" 2>&1 || fail "the plain start: $(tail -n 5 "$work/said")"
right=$(fingerprint "$work/plain")
[ -n "$right" ] || fail "a run without a fingerprint"
echo "other1 slots=4
other2 slots=4" >"$work/hosts"

# Starts the run below the command that is given, an empty one for variables that were exported.
same_below() {  # <what launch/local may say beside how ranks share cores, or ''> <command…>
  local start status good=0 others say=$1
  shift
  for ((start = 1; start <= starts; ++start)); do
    rm -rf "$work/run"
    "$@" "$launch" "${run[@]}" "$work/run" >"$work/said" 2>"$work/errors"
    status=$?
    others=$(grep -v '^launch/local: .* share ' "$work/errors")
    [ -z "$say" ] || { contains "$others" "$say"; others=$(grep -v "^launch/local: " <<<"$others"); }
    if [ "$status" = 0 ] && [ -z "$others" ] && [ "$(fingerprint "$work/run")" = "$right" ]; then
      ((++good))
    else
      echo "start $start: status $status, $(fingerprint "$work/run" 2>&1): $(head -n 5 "$work/errors")"
    fi
  done
  echo "$good of $starts right"
  [ "$good" = "$starts" ] || exit 1
}

# Batch systems whose allocation is on other hosts.
in_a_slurm_allocation() {
  same_below '' env SLURM_JOB_ID=42 SLURM_JOBID=42 SLURM_NODELIST='other[1-2]' SLURM_JOB_NODELIST='other[1-2]' \
    SLURM_TASKS_PER_NODE='2(x2)' SLURM_NNODES=2 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=4 SLURM_NPROCS=4 SLURM_CPU_BIND=map_cpu:0 \
    SLURM_JOB_CPUS_PER_NODE='2(x2)' SLURM_CLUSTER_NAME=c SLURM_SUBMIT_DIR=/
}
in_a_slurm_step() {
  same_below '' env SLURM_JOB_ID=42 SLURM_JOBID=42 SLURM_STEP_ID=0 SLURM_STEPID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 \
    SLURM_STEP_NUM_TASKS=4 SLURM_STEP_NODELIST='other[1-2]' SLURM_NODELIST='other[1-2]' SLURM_NNODES=2 SLURM_TASKS_PER_NODE=4 \
    PMI_RANK=0 PMI_SIZE=4 PMI_FD=9 PMIX_RANK=0 PMIX_NAMESPACE=slurm.pmix.42.0 PMIX_SERVER_URI2='x;tcp4://127.0.0.1:1' SLURM_PMIX_SOCK=1
}
in_a_pbs_job() {
  same_below '' env PBS_ENVIRONMENT=PBS_BATCH PBS_JOBID=42.server PBS_NODEFILE="$work/hosts" PBS_NODENUM=0 PBS_TASKNUM=1 PBS_MOMPORT=1
}
in_an_sge_job() {
  echo "other1 4 all.q@other1 UNDEFINED" >"$work/pe_hosts"
  same_below '' env PE_HOSTFILE="$work/pe_hosts" JOB_ID=42 SGE_ROOT=/opt/sge SGE_TASK_ID=undefined ARC=lx-amd64 NSLOTS=4 NHOSTS=1 PE=mpi
}
in_an_lsf_job() {
  same_below '' env LSB_JOBID=42 LSB_HOSTS='other1 other1 other2' LSB_MCPU_HOSTS='other1 2 other2 1' LSB_DJOB_HOSTFILE="$work/hosts" \
    LSB_AFFINITY_HOSTFILE="$work/hosts" LSF_ENVDIR=/opt/lsf LSB_DJOB_NUMPROC=3
}

# Below jobs of MPI: real ones of this machine's, and what others leave behind.
as_root() { [ "$(id -u)" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; }
below_mpirun() { as_root; same_below '' mpirun -np 1 --mca plm isolated; }
below_a_rank_of_two() {
  as_root
  # The shell stays: only rank 0's program starts a job.
  same_below '' mpirun -np 2 --oversubscribe --mca plm isolated bash -c '[ $OMPI_COMM_WORLD_RANK != 0 ] || "$@"; exit' -
}
below_open_mpi_5() {
  same_below '' env OPAL_PREFIX="$work" PMIX_PREFIX="$work" PRTE_LAUNCHED=1 PMIX_NAMESPACE=prterun-other-1@1 PMIX_RANK=0 \
    PMIX_SERVER_URI41='prterun-other-1@0.0;tcp4://127.0.0.1:1' PMIX_SERVER_URI2='prterun-other-1@0.0;tcp4://127.0.0.1:1' \
    PMIX_GDS_MODULE=shmem2,hash PMIX_SERVER_TMPDIR="$work/none" OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1 OMPI_MCA_num_procs=4 \
    OMPI_TOOL_NAME=mpirun OMPI_FILE_LOCATION="$work/none" OMPI_MCA_initial_wdir=/ PMIX_HOSTNAME=other OPAL_USER_PARAMS_GIVEN=1
}
below_hydra() {
  same_below '' env PMI_RANK=1 PMI_SIZE=4 PMI_FD=9 PMI_HOSTNAME=other MPI_LOCALNRANKS=4 MPI_LOCALRANKID=1 HYDI_CONTROL_FD=7
}

# Settings of a site or a user, in the environment and in files.
with_host_files_and_policies() {
  same_below '' env OMPI_MCA_orte_default_hostfile="$work/hosts" OMPI_MCA_orte_rankfile="$work/hosts" OMPI_MCA_rmaps=seq \
    OMPI_MCA_rmaps_base_mapping_policy=ppr:1:node OMPI_MCA_rmaps_base_ranking_policy=socket OMPI_MCA_hwloc_base_binding_policy=core \
    OMPI_MCA_rmaps_base_no_oversubscribe=1 OMPI_MCA_orte_tag_output=1 OMPI_MCA_plm=rsh OMPI_MCA_state_base_verbose=5 \
    PRTE_MCA_prte_default_hostfile="$work/hosts" PRTE_MCA_rmaps_default_mapping_policy=ppr:1:node PRTE_MCA_hwloc_default_binding_policy=core
}
with_transports() {
  same_below '' env OMPI_MCA_pml=cm OMPI_MCA_mtl=psm2 OMPI_MCA_btl=openib OMPI_MCA_osc=ucx OMPI_MCA_coll=^tuned,basic \
    OMPI_MCA_btl_vader_single_copy_mechanism=xpmem OMPI_MCA_btl_vader_backing_directory=/nowhere PMIX_MCA_gds=none PMIX_MCA_psec=munge
}
with_files() {
  mkdir -p "$work/home/.openmpi" "$work/home/.prte" "$work/home/.pmix"
  printf '%s\n' "orte_default_hostfile = $work/hosts" "rmaps_base_mapping_policy = ppr:1:node" "pml = cm" "btl = openib" \
    "hwloc_base_binding_policy = core" "orte_tag_output = 1" >"$work/home/.openmpi/mca-params.conf"
  printf '%s\n' "prte_default_hostfile = $work/hosts" "rmaps_default_mapping_policy = ppr:1:node" \
    "hwloc_default_binding_policy = core" >"$work/home/.prte/mca-params.conf"
  echo "psec = none" >"$work/home/.pmix/mca-params.conf"
  same_below '' env HOME="$work/home"
}

with_pinned_threads() {
  same_below '' env OMP_PROC_BIND=true OMP_PLACES='{0}' GOMP_CPU_AFFINITY=0 KMP_AFFINITY=compact,verbose OMP_DISPLAY_ENV=true \
    OMP_THREAD_LIMIT=1 OMP_NUM_THREADS=1 OMP_DYNAMIC=true MKL_NUM_THREADS=7 HWLOC_SYNTHETIC='node:1 core:1 pu:1'
}
with_few_files() { same_below '' bash -c 'ulimit -Sn 40; exec "$@"' -; }

# Another MPI's mpirun first in PATH: as those answer that are about.
another_mpirun() {  # <what it says> <what launch/local says>
  mkdir -p "$work/bin"
  printf '#!/bin/sh\ncat <<END\n%s\nEND\n[ "$*" = --version ] || exit 255\n' "$1" >"$work/bin/mpirun"
  chmod +x "$work/bin/mpirun"
  same_below "the first mpirun in PATH, $work/bin/mpirun, is of $2" env PATH="$work/bin:$PATH"
}
with_mpich_first() { another_mpirun 'HYDRA build details:
    Version:                                 4.0.2' "MPICH (Hydra)"; }
with_intel_mpi_first() { another_mpirun 'Intel(R) MPI Library for Linux* OS, Version 2021.13 Build 20240515
Copyright 2003-2024, Intel Corporation.' "Intel MPI"; }
with_an_unheard_of_mpi_first() { another_mpirun 'fastmpi launcher 7.1' "fastmpi launcher 7.1"; }
with_real_mpich_first() {
  [ -x "${TERSEGRAD_MPICH:-/nowhere}/bin/mpirun" ] || { echo "TERSEGRAD_MPICH names no installation"; exit 77; }
  same_below "is of MPICH (Hydra)" env PATH="$TERSEGRAD_MPICH/bin:$PATH"
}

with_open_mpi_5() {
  [ -x "${TERSEGRAD_OPENMPI5:-/nowhere}/bin/mpirun" ] || { echo "TERSEGRAD_OPENMPI5 names no installation"; exit 77; }
  same_below '' env PATH="$TERSEGRAD_OPENMPI5/bin:$PATH" LD_LIBRARY_PATH="$TERSEGRAD_OPENMPI5/lib"
}
below_a_job_of_open_mpi_5() {
  [ -x "${TERSEGRAD_OPENMPI5:-/nowhere}/bin/mpirun" ] || { echo "TERSEGRAD_OPENMPI5 names no installation"; exit 77; }
  as_root
  same_below '' "$TERSEGRAD_OPENMPI5/bin/mpirun" -np 1
}

# No mpirun of Open MPI's anywhere: one line, status 2. The tools that launch/local needs are linked into a PATH of their own.
refuses_without_open_mpi() {
  local text tool
  mkdir "$work/tools"
  for tool in bash env cat sed grep head tail tr nproc id readlink dirname timeout df ldd perl uname mktemp sleep; do
    ln -s "$(type -P "$tool")" "$work/tools/$tool"
  done
  text=$(PATH="$work/tools" "$launch" --ranks 2 --program /bin/true 2>&1)
  [ "$?:$text" = "2:launch/local: mpirun is not installed; run launch/install" ] || fail "without any: $text"
  printf '#!/bin/sh\necho HYDRA build details:\n' >"$work/tools/mpirun"
  chmod +x "$work/tools/mpirun"
  text=$(PATH="$work/tools" "$launch" --ranks 2 --program /bin/true 2>&1)
  [ "$?:$(wc -l <<<"$text")" = 2:1 ] || fail "with MPICH alone: $text"
  contains "$text" "$work/tools/mpirun, is of MPICH (Hydra) and not of Open MPI; put Open MPI's before it in PATH"
}

# Each would be a job of its own, all in one folder.
refuses_to_be_several() {
  local text
  as_root
  text=$(mpirun -np 2 --oversubscribe --mca plm isolated "$launch" --ranks 1 --program /bin/true 2>&1) && fail "status 0: $text"
  contains "$text" "launch/local: this is one of 2 processes that mpirun started (OMPI_COMM_WORLD_SIZE=2)"
}

# Every thread of every rank may use all cores that this test may use.
ranks_own_their_cores() {
  local job rank task mine theirs
  mine=$(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status)
  env OMP_PROC_BIND=true OMP_PLACES='{0}' GOMP_CPU_AFFINITY=0 "$launch" --ranks 2 --program "$program" train --model mlp \
    --compressor sign --lr 0.001 --steps 100000000 --exchange sharded --out "$work/run" >"$work/said-by-it" 2>&1 &
  job=$!
  # A file of its own: the shell may empty it after the first look, and another run's has steps in it.
  for _ in $(seq 1200); do grep -qs '^step' "$work/said-by-it" && break; kill -0 $job 2>/dev/null || break; sleep 0.1; done
  theirs=$(for rank in $(pgrep -f "^$program train .* --out $work/run\$"); do
    for task in /proc/"$rank"/task/*/status; do sed -n 's/^Cpus_allowed_list:\s*//p' "$task"; done
  done | sort -u)
  kill -TERM $job
  wait $job
  [ "$theirs" = "$mine" ] || fail "the ranks' threads may use '$theirs', this test '$mine': $(head -n 3 "$work/said-by-it")"
}

# The cores that are there, not those that a variable of OpenMP's speaks of.
counts_cores() {
  local variable plain text
  plain=$("$launch" --ranks 2 --program /bin/true 2>&1)
  for variable in OMP_NUM_THREADS=1 OMP_THREAD_LIMIT=1 OMP_NUM_THREADS=1,1; do
    text=$(env "$variable" "$launch" --ranks 2 --program /bin/true 2>&1)
    [ "$text" = "$plain" ] || fail "with $variable '$text', without '$plain'"
  done
}

# Where the hard limit is too low, one line and an end, in place of an mpirun that stands still.
refuses_too_few_files() {
  local limit text status lower=()
  [ "$(id -u)" != 0 ] || lower=(setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource)  # root may raise it
  for limit in 40 60 70; do
    text=$(ulimit -n $limit; timeout 60 "${lower[@]}" "$launch" --ranks 12 --program /bin/true 2>&1)
    status=$?
    [ "$status:$(wc -l <<<"$text")" = 2:1 ] || fail "status $status: $text"
    contains "$text" "12 ranks need about 80 open files in mpirun, and $limit are allowed here (ulimit -n)"
  done
}

# Likewise processes; root may have any number.
refuses_too_few_processes() {
  local limit text status other=()
  [ "$(id -u)" != 0 ] || other=(setpriv --reuid=54321 --regid=54321 --clear-groups env HOME=/)
  "${other[@]}" test -r "$launch" 2>/dev/null || { echo "another user cannot read $launch"; exit 77; }
  for limit in 16 24 31; do
    text=$("${other[@]}" bash -c 'ulimit -u '$limit'; exec "$@"' - timeout 60 "$launch" --ranks 4 --program /bin/true 2>&1)
    status=$?
    [ "$status:$(wc -l <<<"$text")" = 2:1 ] || fail "status $status: $text"
    contains "$text" "need about 32 processes and threads, and this user may have $limit in all (ulimit -u)"
  done
  text=$("${other[@]}" bash -c 'ulimit -u 4000; exec "$@"' - timeout 60 "$launch" --ranks 4 --program /bin/true 2>&1) || fail "$text"
}

starts() {
  local case status worst=0
  for case in $(sed -n 's/^\(\(in\|below\|with\)_[a-z0-9_]*\)() {.*/\1/p' "$0"); do
    printf '%-32s ' "$case"
    (trap - EXIT; "$case") | tail -n 1
    status=${PIPESTATUS[0]}
    [ "$status" = 0 ] || [ "$status" = 77 ] || worst=1
  done
  return $worst
}

declare -F "$3" >/dev/null || fail "no case '$3'"
"$3" || exit
echo "passed: $3"
