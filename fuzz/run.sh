#!/usr/bin/env bash
# Runs one target for RUNS executions, from the seeds and what earlier runs found. A line every ten
# seconds, the count and the verdict at the end; the whole log is build/fuzz/TARGET.log. What breaks
# is kept as build/fuzz/TARGET-crash-*: run build/fuzz/TARGET on it. Usage: fuzz/run.sh TARGET RUNS
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1 runs=$2 folder=build/fuzz
export UBSAN_OPTIONS=print_stacktrace=1
# Targets allocate next to nothing, so little memory need be kept from reuse.
export ASAN_OPTIONS=quarantine_size_mb=4:malloc_context_size=2:detect_leaks=0
case $target in
    codewords) longest=320 ;; # past the 249 bytes at which Base 256 takes two length codewords
    reed_solomon) longest=400 ;;
    *) longest=4096 ;;
esac
log=$folder/$target.log
"$folder/$target" -runs="$runs" -max_len="$longest" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$folder/$target-" "$folder/corpus/$target" > "$log" 2>&1 &
fuzzer=$!
trap 'kill $fuzzer 2>/dev/null || true' EXIT
seconds=0
while kill -0 $fuzzer 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 10)) -eq 0 ] || continue
    { grep -aE '^#[0-9]+.*exec/s' "$log" || true; } | tail -1 |
        sed -E "s|^#([0-9]+).*cov: ([0-9]+).*corp: ([0-9]+).*exec/s: ([0-9]+).*|$target: \1 of $runs, \4 a second, \2 edges, \3 in the corpus|"
done
status=0
wait $fuzzer || status=$?
trap - EXIT
executions=$(grep -a 'stat::number_of_executed_units' "$log" | grep -oE '[0-9]+$' || echo 0)
if [ "$status" -ne 0 ]; then
    grep -aE 'ERROR|runtime error|broken promise|Test unit written' "$log" || true
    echo "$target: BROKEN after $executions executions; see $log"
    exit 1
fi
echo "$target: $executions executions, nothing broken"
