# Which mpirun starts the ranks, and its options for them. Sourced; all of it is functions.

# What an mpirun says of itself: sets mpi_name, and mpi_major if it is Open MPI's. Another MPI's is known by what it
# answers; one that does not answer at all is taken for Open MPI's, and its own message then says what it lacks.
ask_mpirun() {  # <mpirun>
  local said status words
  mapfile -t words < <(surrounding_variables "$1" | sed 's/^/-u/')
  said=$(LC_ALL=C timeout -k 1 10 env "${words[@]}" "$1" --version 2>&1 </dev/null)
  status=$?
  mpi_major=
  if [[ $said =~ "(Open MPI) "([0-9]+)\.[0-9.]* ]]; then
    mpi_major=${BASH_REMATCH[1]} mpi_name="Open MPI ${BASH_REMATCH[0]#(Open MPI) }"
    return
  fi
  case $said in
    *"Intel(R) MPI"*) mpi_name="Intel MPI" ;;
    *MVAPICH*) mpi_name=MVAPICH ;;
    *HYDRA* | *Hydra* | *MPICH*) mpi_name="MPICH (Hydra)" ;;
    *PALS*) mpi_name="Cray PALS" ;;
    *)
      mpi_name=$(head -n 1 <<<"$said")
      [ "$status" = 0 ] && [ -n "$mpi_name" ] || mpi_major=4 mpi_name="an unknown Open MPI" ;;
  esac
}

# Where to look for Open MPI's mpirun, the first in PATH excepted: beside the library that the program was linked with,
# and under the name that Debian gives it where several MPIs are installed.
other_mpiruns() {  # <program>
  local library
  library=$(ldd "$1" 2>/dev/null | sed -n 's/.*libmpi\.so\.[0-9]* => \(\/[^ ]*\) .*/\1/p')
  [ -z "$library" ] || echo "${library%/lib*}/bin/mpirun"
  type -P mpirun.openmpi
  type -aP mpirun | tail -n +2
}

# Sets mpirun_program and mpi_major: the first in PATH, or another one where that is not Open MPI's; then mpi_remark
# says so. Fails with what to say in mpi_remark.
find_mpirun() {  # <program>
  local first other foreign=
  mpirun_program=mpirun mpi_remark=
  first=$(type -P mpirun)
  if [ -n "$first" ]; then
    ask_mpirun "$first"
    [ -z "$mpi_major" ] || return 0
    foreign="the first mpirun in PATH, $first, is of $mpi_name and not of Open MPI"
  fi
  while read -r other; do
    [ -x "$other" ] || continue
    ask_mpirun "$other"
    [ -n "$mpi_major" ] || continue
    mpirun_program=$other
    [ -z "$foreign" ] || mpi_remark="$foreign; $other ($mpi_name) starts the ranks"
    return 0
  done < <(other_mpiruns "$1")
  mpi_remark=${foreign:+"$foreign; put Open MPI's before it in PATH (launch/install installs one)"}
  mpi_remark=${mpi_remark:-"mpirun is not installed; run launch/install"}
  return 1
}

# The words that start one rank after another on this machine, or on launch/netlab's hosts: sets `mpirun`. Whatever a
# site's files or default host file may say is said here as well: the command line wins over them.
mpirun_words() {  # <ranks> <single copy: cma or none> <time limit or ''>
  local shared backing=${TMPDIR:-/tmp}
  # ob1, vader (sm in 5), self: shared memory; without them Open MPI looks for fast networks and warns of what it does not
  # find. Ranks yield always: with more ranks than free cores a spinning rank keeps the others from their work (26 times
  # slower exchanges), and otherwise it costs a microsecond.
  mpirun=("$mpirun_program" -np "$1" --bind-to none --rank-by slot --mca mpi_yield_when_idle 1 --mca pml ob1)
  if [ "$mpi_major" -ge 5 ]; then
    # The agent that reaches other hosts is `false`: there are none, whatever is found out about the surroundings.
    # Unlike 4.1, it leaves the ranks an input that never ends.
    mpirun+=(--stdin none --map-by slot:OVERSUBSCRIBE --prtemca prte_default_hostfile none --prtemca ras ^slurm,pbs,lsf,gridengine,flux
             --prtemca plm ssh)
    [ "$2" = cma ] || mpirun+=(--mca smsc ^cma)
    if [ -z "${TERSEGRAD_NETLAB-}" ]; then
      mpirun+=(--prtemca plm_ssh_agent false --mca btl sm,self)
    else
      mpirun+=(--prtemca plm_ssh_agent "$TERSEGRAD_NETLAB/agent" --prtemca prte_if_include eth0
               --prtemca prte_tmpdir_base "$TERSEGRAD_NETLAB/sessions" --mca btl tcp,sm,self)
    fi
  else
    # isolated: this machine only, whatever batch system it belongs to.
    mpirun+=(--map-by slot --oversubscribe --mca orte_default_hostfile none --mca btl_vader_single_copy_mechanism "$2")
    case $mpirun_program in */*) mpirun+=(--noprefix) ;; esac  # a path would put its folders before the user's
    if [ -z "${TERSEGRAD_NETLAB-}" ]; then
      mpirun+=(--mca plm isolated --mca btl vader,self)
    else
      mpirun+=(--mca plm rsh --mca plm_rsh_agent "$TERSEGRAD_NETLAB/agent" --mca oob_tcp_if_include eth0
               --mca orte_tmpdir_base "$TERSEGRAD_NETLAB/sessions" --mca btl tcp,vader,self)
    fi
  fi
  if [ -n "${TERSEGRAD_NETLAB-}" ]; then  # the ranks are on its hosts, and TCP is the only way from one to another
    mpirun+=(--hostfile "${hosts_left:-$TERSEGRAD_NETLAB/hosts}" --mca btl_tcp_if_include eth0
             -x TERSEGRAD_INTERFACE -x TERSEGRAD_PROGRESS -x OMP_NUM_THREADS -x OMP_PROC_BIND -x OPENBLAS_NUM_THREADS)
    [ ! -t 1 ] || mpirun+=(-x TERSEGRAD_COLUMNS)
  fi
  # Containers get 64 MB of /dev/shm; a rank maps up to 16 MiB of it and dies where it is full.
  shared=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
  if [ "${shared:-0}" -lt $(($1 * 16384)) ]; then
    [ -d "$backing" ] && [ -w "$backing" ] || backing=/tmp
    mpirun+=(--mca "btl_$([ "$mpi_major" -ge 5 ] && echo sm || echo vader)_backing_directory" "$backing")
  fi
  [ -z "$3" ] || mpirun+=(--timeout "$3")
}
