# Runs sections, each timed and logged, and sums them up. Sourced by ./test.

LOGS=target/test-logs
TIMES=()
FAILED=()

die() {
    echo "test: $*" >&2
    exit 1
}

# The section's output goes to the terminal and to a file of its own. What is missing for the
# sections after `install` would only fail them one by one.
run_section() {
    local name=$1 began=$SECONDS status=0
    mkdir -p "$LOGS"
    echo
    echo "== $name: ${ABOUT[$name]}"
    set +e # and not `|| status=$?`, which would switch -e off inside the section too
    (set -euo pipefail; "section_$name") 2>&1 | tee "$LOGS/$name.log"
    status=${PIPESTATUS[0]}
    set -e
    TIMES+=("$(printf '%-9s %5d s' "$name" $((SECONDS - began)))")
    if [ "$status" -ne 0 ]; then
        FAILED+=("$name")
        echo "== $name: FAILED ($status)"
        [ "$name" != install ] || summarize
    fi
}

# Ends with the test runners' own words: what ran, and how it went.
summarize() {
    echo
    echo "== sections"
    printf '   %s\n' "${TIMES[@]}"
    for log in tests interop; do
        if [ -f "$LOGS/$log.log" ] && ran "$log"; then
            echo "== $log, in the runner's words"
            grep -E '^ *Summary \[|^test result:|^[0-9]+ passed, [0-9]+ failed' "$LOGS/$log.log" || true
        fi
    done
    local passed=$((${#TIMES[@]} - ${#FAILED[@]}))
    echo "== $passed of ${#TIMES[@]} sections passed in $SECONDS s${FAILED[*]:+; failed: ${FAILED[*]}}"
    [ ${#FAILED[@]} -eq 0 ] || exit 1
    exit 0
}

ran() {
    printf '%s\n' "${TIMES[@]}" | grep -q "^$1 "
}
