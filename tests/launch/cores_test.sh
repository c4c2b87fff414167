#!/bin/bash
# cores_test.sh LAUNCH/CORES: cores counted under surroundings that a site or a container gives.
set -u
cores=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
here=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)

expect() {  # <what> <cores> <command…>
  local what=$1 right=$2 got
  shift 2
  got=$("$@" 2>&1)
  [ "$got" = "$right" ] && return
  echo "$what: '$got' instead of '$right'"
  failed=1
}

group() {  # <name> <line of /proc/self/cgroup>: a machine with one control group
  mkdir -p "$work/$1/proc/self" "$work/$1/sys/fs/cgroup"
  echo "$2" >"$work/$1/proc/self/cgroup"
}

write() {  # <file below $work> <text>
  mkdir -p "$(dirname "$work/$1")"
  echo "$2" >"$work/$1"
}

mkdir "$work/none"  # no control groups: this machine's quota does not count
expect "OMP_NUM_THREADS" "$here" env OMP_NUM_THREADS=1 "$cores" --root "$work/none"
expect "a list of threads" "$here" env OMP_NUM_THREADS=1,2 "$cores" --root "$work/none"
expect "OMP_THREAD_LIMIT" "$here" env OMP_THREAD_LIMIT=1 "$cores" --root "$work/none"
expect "an affinity mask" 1 taskset -c "$(taskset -cp $$ | grep -o '[0-9]*$')" "$cores"

group quota 0::/; write quota/sys/fs/cgroup/cpu.max "100000 100000"
expect "a quota of one core" 1 "$cores" --root "$work/quota"
group half 0::/a/b; write half/sys/fs/cgroup/a/cpu.max "50000 100000"; write half/sys/fs/cgroup/a/b/cpu.max "max 100000"
expect "half a core, of the group above" 1 "$cores" --root "$work/half"
group open 0::/; write open/sys/fs/cgroup/cpu.max "max 100000"
expect "no quota" "$here" "$cores" --root "$work/open"
group more 0::/; write more/sys/fs/cgroup/cpu.max "99900000 100000"
expect "a quota of more than there is" "$here" "$cores" --root "$work/more"
group host 0::/docker/1234; write host/sys/fs/cgroup/cpu.max "100000 100000"
expect "a container that sees the host's path" 1 "$cores" --root "$work/host"
group old 3:cpu,cpuacct:/job; write old/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us 100000
write old/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us 100000
expect "version 1" 1 "$cores" --root "$work/old"
group older 1:cpu:/; write older/sys/fs/cgroup/cpu/cpu.cfs_quota_us -1; write older/sys/fs/cgroup/cpu/cpu.cfs_period_us 100000
expect "version 1 without a limit" "$here" "$cores" --root "$work/older"
expect "no control groups" "$here" "$cores" --root "$work/none"
exit $failed
