#!/bin/bash
# netlab_test.sh LAUNCH_NETLAB PROGRAM CASE: one test of launch/netlab; the cases are the functions below.
# Exit status 77: this kernel lets nobody here make network namespaces.
set -u
netlab=$1 program=$2
. "$(dirname -- "${BASH_SOURCE[0]}")/checks.sh"

run() {  # <netlab's options> -- <train's options>
  "$netlab" --program "$program" "$@" 2>&1
}

needs_namespaces() {
  local said
  said=$("$netlab" --program /bin/true --ranks 1 x 2>&1)
  case $said in *"does not let"*) echo "$said"; exit 77 ;; esac
}

# Not one process, namespace or interface of the laboratory is left.
nothing_left() {  # <mark in the command line>
  local i
  for i in $(seq 300); do
    pgrep -f "$1" > /dev/null || break
    [ "$i" -lt 300 ] || fail "left behind: $(pgrep -af "$1")"
    sleep 0.1
  done
  ip link show 2>/dev/null | grep -q 'port1@' && fail "left an interface behind"
  return 0
}

# What the interfaces of the agents' hosts saw is what was counted, 5 % for the laboratory's own messages.
measures_the_counted_bytes() {
  needs_namespaces
  local compressor job=0 agents exchange
  # From three agents on, agents hand the aggregate on; several on a rank, and ranks of one host, share what they need not send.
  while read -r compressor agents exchange hosts; do
    # shellcheck disable=SC2086
    run --rate 200mbit $hosts -- train --model mlp:depth=3,width=300 --compressor "$compressor" --exchange "$exchange" \
      --agents "$agents" --steps 40 --out "$work/$((++job))" < /dev/null \
      > "$work/said" || fail "$(tail -n 3 "$work/said")"
    grep -q "on the agents' links" "$work/said" || fail "no table of measured bytes"
    /usr/bin/python3 - "$work/$job/summary.json" << 'EOF' || fail "$compressor, $exchange: measured and counted bytes differ"
import json, sys
summary = json.load(open(sys.argv[1]))
for way, link in ("uplink", "sent"), ("downlink", "received"):
    counted, measured = summary[f"link_{link}_bytes_per_step"], summary[f"measured_{way}_bytes_per_step"]
    print(way, counted, measured, measured / counted - 1)
    assert abs(measured / counted - 1) < 0.05
EOF
  done << 'EOF'
none 2 server -n 2
sign 2 server -n 2
randk:0.1 4 server -n 4
sign 3 sharded -n 3
none 3 allreduce -n 3
sign 4 allgather -n 4 --hosts 2
randk:0.1 8 server --ranks 3
EOF
}

# Hosts and process numbers are the same in every laboratory, and so would be the names of what Open MPI leaves in /tmp.
works_beside_another() {
  needs_namespaces
  local i round job jobs
  for round in 1 2 3 4; do
    jobs=()
    for i in 1 2 3; do
      run -n 2 -- train --model mlp:depth=2,width=50 --compressor sign --steps 5 < /dev/null > "$work/said-$i" & jobs+=($!)
    done
    for i in 1 2 3; do
      wait "${jobs[i - 1]}" || fail "round $round: $(tail -n 5 "$work/said-$i")"
    done
  done
}

# A link that goes down for a second and comes back costs time and nothing else.
flaps_the_links() {
  needs_namespaces
  local train=(train --model quadratic:condition=10,dim=20000 --noise gaussian:0.1 --compressor none --lr 1e-3 --steps 40)
  run --rate 10mbit -n 2 -- "${train[@]}" --out "$work/steady" > "$work/said" || fail "$(tail -n 3 "$work/said")"
  run --rate 10mbit --flap 3:1 -n 2 -- "${train[@]}" --out "$work/flapped" > "$work/said" || fail "$(tail -n 3 "$work/said")"
  /usr/bin/python3 - "$work" << 'EOF' || fail "the flapped run is not the steady one, or no link went down"
import csv, json, sys
summaries = [json.load(open(f"{sys.argv[1]}/{name}/summary.json")) for name in ("steady", "flapped")]
assert summaries[0]["parameters_fingerprint"] == summaries[1]["parameters_fingerprint"]
times = [float(row["time_s"]) for row in csv.DictReader(open(f"{sys.argv[1]}/flapped/metrics.csv"))]
longest = max(b - a for a, b in zip(times, times[1:]))
print("longest step", longest, "steps in all", times[-1])
assert longest > 0.8
EOF
  case $("$netlab" --program "$program" --flap soon -n 2 train 2>&1) in *"--flap is 'soon'"*) ;; *) fail "--flap soon" ;; esac
}

# 10 steps of about 100,000 values each way through the server's link at 20 Mbit/s take at least their bits over the rate.
shapes_the_links() {
  needs_namespaces
  run --rate 20mbit -n 2 -- train --model mlp:depth=3,width=300 --steps 10 --out "$work/run" > "$work/said" || fail "$(cat "$work/said")"
  /usr/bin/python3 - "$work/run/summary.json" << 'EOF' || fail "the link was faster than its rate"
import json, sys
summary = json.load(open(sys.argv[1]))
bits = 8 * summary["agents"] * summary["downlink_bytes_per_step"] * summary["steps"]
assert summary["time_total_s"] > 0.9 * bits / 20e6, (summary["time_total_s"], bits / 20e6)
EOF
}

leaves_nothing_when_killed() {
  needs_namespaces
  local signal
  for signal in KILL TERM; do
    # A file for each: the shell may empty it after the first look, and the run before has left steps in its own.
    run -n 2 -- train --steps 100000000 --out "$work/$signal" > "$work/said-$signal" &
    for i in $(seq 1200); do
      grep -qs "^step " "$work/said-$signal" && break
      [ "$i" -lt 1200 ] || fail "it did not start: $(cat "$work/said-$signal")"
      sleep 0.1
    done
    pkill -$signal -o -f "$netlab .*$work/$signal"
    wait
    nothing_left "$work/$signal"
  done
}

# The run of the tests below, and the seconds it may take from a host's loss to its end: 1.5 T + 3 s until the ranks have
# noticed, 5 s that launch/local leaves mpirun, and as much again for a busy machine.
stall_s=4
# Checkpoints are kept: the host is lost once one is seen, and on a fast machine it would soon be gone.
tiny=(train --model mlp --compressor sign --lr 0.001 --checkpoint-every 100 --keep 100000 --stall-timeout $stall_s)

loses() {  # <host> <what the one line begins with> <netlab's options and train's>
  local host=$1 line=$2 lost seconds
  shift 2
  "$netlab" --program "$program" --drop "$host@$work/run/checkpoints/checkpoint-200" "$@" --steps 100000000 --out "$work/run" \
    2>&1 > /dev/null | while IFS= read -r said; do echo "$SECONDS $said"; done > "$work/said"
  [ "${PIPESTATUS[0]}" = 70 ] || fail "the status is not 70: $(cat "$work/said")"
  lost=$(sed -n "s/^\([0-9]*\) launch.netlab: host h$host is lost$/\1/p" "$work/said")
  [ -n "$lost" ] || fail "h$host was not lost: $(cat "$work/said")"
  seconds=$((SECONDS - lost))
  echo "ended in $seconds s: $(grep ' tersegrad:' "$work/said")"
  [ "$seconds" -le $((2 * (3 * stall_s / 2 + 8))) ] || fail "it took $seconds s: $(cat "$work/said")"
  [ "$(grep -c ' tersegrad:' "$work/said")" = 1 ] || fail "not one line: $(cat "$work/said")"
  contains "$(cat "$work/said")" "$line"
  [ "$(grep -vc ' tersegrad:\| launch/' "$work/said")" = 0 ] || fail "lines beside it: $(cat "$work/said")"
  nothing_left "$work/run"
}

loses_an_agents_host() {
  needs_namespaces
  loses 3 "tersegrad: rank 0 of 4 on h1: no sign of life from rank 2 for" -n 3 -- "${tiny[@]}"
}

# Rank 1 goes with the server: rank 2 is the first that can speak.
loses_the_servers_host() {
  needs_namespaces
  loses 1 "tersegrad: rank 2 of 4 on h2: no sign of life from rank 0 for" --hosts 2 -n 3 -- "${tiny[@]}"
}

loses_a_host_between_peers() {
  needs_namespaces
  loses 2 "tersegrad: rank 0 of 3 on h1: no sign of life from rank 1 for" -n 3 -- "${tiny[@]}" --exchange sharded
}

# mpirun, told to end, waits for the lost host's daemon: it is not waited for.
ends_at_a_signal_without_a_host() {
  needs_namespaces
  local began
  run -n 2 --grace 2 --drop "2@$work/run/checkpoints/checkpoint-200" -- "${tiny[@]}" --stall-timeout 300 --steps 100000000 \
    --out "$work/run" > "$work/said" &
  local job=$!
  for i in $(seq 1200); do
    grep -q "is lost" "$work/said" && break
    [ "$i" -lt 1200 ] || fail "no host was lost: $(tail -n 3 "$work/said")"
    sleep 0.1
  done
  began=$SECONDS
  pkill -TERM -o -f "$netlab .*$work/run"
  wait "$job" && fail "status 0"
  echo "status $?, $((SECONDS - began)) s: $(grep launch/ "$work/said")"
  contains "$(cat "$work/said")" "mpirun waited for a host that does not answer"
  [ $((SECONDS - began)) -le 40 ] || fail "it took $((SECONDS - began)) s"
  nothing_left "$work/run"
}

# From the last checkpoint on the hosts that are left, to the end of a run that lost none.
restarts_on_the_hosts_that_are_left() {
  needs_namespaces
  run -n 2 -- "${tiny[@]}" --steps 600 --out "$work/whole" > "$work/said" || fail "$(tail -n 3 "$work/said")"
  # The 400 steps from there to the end send 1 kB each: so slow a link that the host is lost before.
  run -n 2 --rate 3mbit --elastic restart --drop "1@$work/run/checkpoints/checkpoint-200" -- "${tiny[@]}" --steps 600 --out "$work/run" \
    > "$work/said" || fail "$(cat "$work/said")"
  contains "$(cat "$work/said")" "no sign of life from rank 0"
  contains "$(cat "$work/said")" "host h1 does not answer; it is left out"
  contains "$(cat "$work/said")" "on 2 ranks"
  /usr/bin/python3 - "$work" << 'END' || fail "the restarted run is not the whole one"
import csv, json, sys
whole, run = (json.load(open(f"{sys.argv[1]}/{name}/summary.json")) for name in ("whole", "run"))
assert (run["processes"], run["agents"], run["steps"]) == (2, 2, 600), run
assert whole["parameters_fingerprint"] == run["parameters_fingerprint"]
series = [[(row["step"], row["loss"], row["update_norm"], row["uplink_bytes"]) for row in
           csv.DictReader(open(f"{sys.argv[1]}/{name}/metrics.csv"))] for name in ("whole", "run")]
assert series[0] == series[1] and len(series[0]) == 600
END
}

refuses_nonsense() {
  contains "$(run --drop 9@5 -n 2 train)" "--drop is '9@5', and there are 3 hosts"
  contains "$(run --drop 2 -n 2 train)" "--drop is '2'"
  contains "$(run --drop 2@soon -n 2 train)" "--drop is '2@soon'"
  contains "$(run --rate quick train)" "--rate is 'quick'"
  contains "$(run --hosts 9 -n 2 train)" "9 hosts for 3 ranks"
  contains "$(run --hosts x train)" "--hosts takes a number"
  contains "$(run --bogus 1 train)" "unknown option '--bogus'"
  contains "$(run)" "no subcommand"
}

# The setting that does forbid namespaces is named: stand-ins for a kernel that does, and for a user.
says_what_allows_namespaces() {
  local user setting value advice text
  mkdir "$work/bin"
  printf '#!/bin/sh\nexit 1\n' > "$work/bin/unshare"
  while read -r user setting value advice; do
    printf '#!/bin/sh\n[ "$*" = "-n %s" ] && echo %s\n' "$setting" "$value" > "$work/bin/sysctl"
    printf '#!/bin/sh\necho %s\n' "$user" > "$work/bin/id"
    chmod +x "$work/bin/"*
    text=$(PATH="$work/bin:$PATH" run -n 2 train < /dev/null) && fail "status 0"
    contains "$text" "launch/netlab: this kernel does not let"
    contains "$text" "$advice"
    [ "$(wc -l <<< "$text")" = 1 ] || fail "more than a line: $text"
  done << 'EOF'
1000 kernel.apparmor_restrict_unprivileged_userns 1 users make network namespaces; run it as root, or allow it: sysctl kernel.apparmor_restrict_unprivileged_userns=0
1000 kernel.unprivileged_userns_clone 0 run it as root, or allow it: sysctl kernel.unprivileged_userns_clone=1
1000 user.max_user_namespaces 0 run it as root, or allow it: sysctl user.max_user_namespaces=10000
0 user.max_net_namespaces 0 this container make network namespaces; allow it: sysctl user.max_net_namespaces=10000
0 kernel.apparmor_restrict_unprivileged_userns 1 this container make network namespaces; start the container or sandbox with the right to
1000 none 0 run it as root, or start the container or sandbox with the right to
EOF
}

passes_the_exit_status_on() {
  needs_namespaces
  run -n 2 -- train --lr -1 > "$work/said" && fail "status 0"
  contains "$(cat "$work/said")" "--lr is -1"
}

"$3"
