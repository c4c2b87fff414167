# sed -n -u -E -f: what mpirun says on its standard error. It ends a failed job with framed notices of which one says
# something: the rank that a signal ended. Open MPI 4.1 forgets that one one time in ten, but its log of states
# (state_base_verbose) has the rank. What is worth reading goes to standard error; standard output gets notes, a line
# each: "running" when ranks have started, the number of one that a signal ended, "named" where mpirun named it, "limit" at
# the time limit, "failed" where it ends the job.
# Ranks are [[8263,1],3] in the log of 4.1 and [prterun-host-123@1,3] in that of 5, whose frames are wrapped.
/^[^-]?-{60,74}$/{
  :more
  $!{
    N
    /\n[^-]?-{60,74}$/!bmore
  }
  /Primary job[[:space:]]+terminated normally/d
  /exited with non-zero status,[[:space:]]+thus causing/d
  # to one that has ended with the job
  /failed to TCP connect to a peer/{
    x
    /ACTIVATE/{
      x
      d
    }
    x
  }
  /MPI_ABORT was invoked/d
  /has exited due to process rank [0-9]+ .*calling[[:space:]]+"abort"/d
  /noticed that process rank/{
    s/\n/ /g
    s/^.* (prterun|mpirun) noticed (that process rank .*) -{60,74}$/mpirun noticed \2/
    w /dev/stderr
    s/.*/named/p
    d
  }
  /The user-provided time limit/{
    s/^.*Timeout: ([0-9]+) seconds.*$/launch\/local: ended the job after its time limit of \1 seconds/
    w /dev/stderr
    s/.*/limit/p
    d
  }
}
/^\[[^]]*\] \[(\[[0-9]+,[0-9]+\],[0-9]+|prterun-[^]]*)\] (\[[0-9.]+\] )?ACTIVAT(E|ING) /{
  / ACTIVATE (PROC|JOB) .* STATE (RUNNING|JOB STARTED) /{
    s/.*/running/p
    d
  }
  # as mpirun hears of it
  /\[(\[[0-9]+,0\],0|prterun-[^]]*@0,0)\] (\[[0-9.]+\] )?ACTIVATE PROC .* STATE (CALLED ABORT|ABORTED BY SIGNAL|EXITED WITH NON-ZERO)/{
    h
    s/.*/failed/p
    g
  }
  s/^.* ACTIVATE PROC \[(\[[0-9]+,[0-9]+\]|prterun-[^]]*@[0-9]+),([0-9]+)\] STATE ABORTED BY SIGNAL .*$/\2/p
  d
}
/plm:(rsh|ssh): Warning: setpgid/d
/ORTE_ERROR_LOG: .*show_help/d
/^mpirun: Forwarding signal /d
/more process.* sent help message help-/d
/Set MCA parameter "orte_base_help_aggregate"/d
w /dev/stderr
