# What surrounds launch/local: variables, limits, what it was started by. Sourced; all of it is functions.

# The variables of these surroundings that would decide in launch/local's place. A name for each:
# - other jobs' (an enclosing mpirun's, a batch system's): Open MPI takes hosts, ranks and daemons from them;
# - Open MPI's own settings, whoever made them (a site's module, a user's profile): host files, mapping, transports. What
#   launch/local sets is tried together, what is added from elsewhere is not;
# - pinned threads: every rank would pin its threads to the same cores, because none knows of the others.
surrounding_variables() {  # <the mpirun that is started>
  local name home
  home=$(readlink -f -- "$1")
  while read -r name; do
    case $name in
      # Where an installation that was moved has its files: needed, if it is this mpirun's.
      OPAL_PREFIX | OPAL_DESTDIR | OPAL_LIBDIR | PMIX_PREFIX | PMIX_INSTALL_PREFIX | PRTE_PREFIX)
        case $home in "$(readlink -f -- "${!name}")"/*) continue ;; esac
        echo "$name" ;;
      OMPI_* | ORTE_* | OPAL_* | PMIX_* | PRTE_* | PMI_* | PMI2_* | MPIEXEC_* | HYDRA_* | HYDI_* | MPI_LOCAL*) echo "$name" ;;
      SLURM_* | SLURMD_* | SRUN_* | SALLOC_* | SBATCH_* | PBS_* | LSB_* | LSF_* | PE_HOSTFILE | SGE_* | FLUX_* | COBALT_*) echo "$name" ;;
      LOADL_* | ALPS_* | BASIL_* | PALS_* | JSM_*) echo "$name" ;;
      OMP_PROC_BIND | OMP_PLACES | OMP_AFFINITY_FORMAT | OMP_DISPLAY_AFFINITY | OMP_DISPLAY_ENV | OMP_DYNAMIC) echo "$name" ;;
      OMP_THREAD_LIMIT | OMP_NUM_TEAMS | GOMP_CPU_AFFINITY | KMP_AFFINITY | KMP_HW_SUBSET | KMP_SETTINGS) echo "$name" ;;
      KMP_ALL_THREADS | KMP_DEVICE_THREAD_LIMIT | KMP_TEAMS_THREAD_LIMIT) echo "$name" ;;
      MKL_NUM_THREADS | MKL_DOMAIN_NUM_THREADS | MKL_DYNAMIC | BLIS_NUM_THREADS | GOTO_NUM_THREADS) echo "$name" ;;
      HWLOC_*) echo "$name" ;;  # another machine's topology
    esac
  done < <(compgen -e)
}

# Fails with the starter's name and count on standard output where this process is one of several that a launcher
# started: each would be a job of its own, all into one folder. A script below a launcher may start jobs as it likes.
started_once() {
  local name size parent
  parent=$(cat "/proc/$PPID/comm" 2>/dev/null)
  case $parent in
    mpirun* | mpiexec* | orterun | orted | prte* | hydra_pmi_proxy | pmi_proxy | slurmstepd | srun | palsd | aprun | jsmd) ;;
    *) return 0 ;;
  esac
  for name in OMPI_COMM_WORLD_SIZE PMI_SIZE PALS_SIZE SLURM_STEP_NUM_TASKS JSM_NAMESPACE_SIZE; do  # SLURM_NTASKS is a batch script's, too
    size=${!name-}
    [[ $size =~ ^[0-9]+$ ]] || continue
    [ "$size" -le 1 ] && return 0
    echo "$size processes that $parent started ($name=$size)"
    return 1
  done
}

# mpirun has four files open for each rank and about 30 of its own (4.1.4 and 5.0.11); with fewer, 4.1 stands still for
# ever. The soft limit is raised as far as needed and no further: some programs close every file that they might have.
# Fails where even the hard limit is too low.
enough_open_files() {  # <ranks>
  local least=$((32 + 4 * $1)) wanted=1024 soft
  [ "$wanted" -ge $((2 * least)) ] || wanted=$((2 * least))
  soft=$(ulimit -Sn)
  [ "$soft" = unlimited ] || [ "$soft" -ge "$wanted" ] ||
    ulimit -Sn "$wanted" 2>/dev/null || ulimit -n "$wanted" 2>/dev/null || ulimit -Sn "$(ulimit -Hn)" 2>/dev/null
  soft=$(ulimit -Sn)
  [ "$soft" = unlimited ] || [ "$soft" -ge "$least" ]
}

# Fails where this user may not have the processes and threads that a job needs beside those that are there. Programs that
# cannot start a thread say so in their own ways, dozens of lines of them.
enough_processes() {  # <ranks>
  local limit there
  limit=$(ulimit -u)
  [ "$limit" = unlimited ] || [ "$limit" -ge 4096 ] || [ "$(id -u)" = 0 ] && return
  there=$(find /proc -mindepth 3 -maxdepth 3 -path '/proc/[0-9]*/task/[0-9]*' -user "$(id -u)" 2>/dev/null | wc -l)
  [ $((limit - there)) -ge $((16 + 4 * $1)) ]
}

# Cross-memory attach lets a rank read another's memory in one copy. Containers and sandboxes may forbid it, and Open
# MPI then fails in the first large message: so a child's memory is read once, here. Perl is in every Debian.
cross_memory_attach() {
  local number
  case $(uname -m) in x86_64) number=310 ;; aarch64) number=270 ;; *) return 1 ;; esac
  perl -e '
    my ($number, $from, $to) = ($ARGV[0] + 0, "tersegrad", "\0" x 9);
    pipe(my $r, my $w);
    my $child = fork // exit 1;
    if (!$child) { close $w; sysread($r, my $byte, 1); exit 0 }
    my $local = pack("JJ", unpack("J", pack("p", $to)), 9);
    my $remote = pack("JJ", unpack("J", pack("p", $from)), 9);
    my $read = syscall($number, $child, $local, 1, $remote, 1, 0);
    close $w; waitpid($child, 0);
    exit !($read == 9 && $to eq $from)' "$number" 2>/dev/null
}
