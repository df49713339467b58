# The sections of ./test: one function each. Sourced by ./test.

SECTIONS=(install format lint core docs deny tests mutants examples release readme demo interop python bench)

declare -A ABOUT=(
    [install]="what the tests need, from the system's packages, PyPI, npm and crates.io"
    [format]="rustfmt"
    [lint]="clippy on every target with every feature, warnings refused"
    [core]="the library without its features: no tokio, no hyper"
    [docs]="rustdoc without a warning"
    [deny]="licences, bans and sources of every dependency"
    [tests]="every test of the workspace, and the snippets in the docs"
    [mutants]="faults put into the code, each of which must make a test fail"
    [examples]="every example, run"
    [readme]="the README's snippets, run as written"
    [release]="the command as it ships, under 12 MiB"
    [demo]="the whole life of a login, with nothing configured"
    [interop]="sign-in against authorization servers nobody here wrote"
    [python]="the Python package: built, linted, typed, tested beside X's own class"
    [bench]="the benchmarks, in their short form"
)

MAX_BINARY=$((12 * 1024 * 1024))

is_section() {
    [ -n "${ABOUT[$1]:-}" ]
}

list_sections() {
    local name
    for name in "${SECTIONS[@]}"; do
        printf '%-9s %s\n' "$name" "${ABOUT[$name]}"
    done
}

section_install() {
    install_everything
}

section_format() {
    cargo fmt --all --check
}

section_lint() {
    cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
}

section_core() {
    cargo clippy --locked -p xpkce --no-default-features -- -D warnings
    local tree forbidden
    tree=$(cargo tree --locked -p xpkce --no-default-features -e normal --prefix none)
    grep -q '^xpkce ' <<<"$tree" || die "this is not the library's tree: $tree"
    forbidden=$(grep -E '^(tokio|hyper|rusqlite) ' <<<"$tree" || true)
    [ -z "$forbidden" ] || die "the core alone pulls in: $forbidden"
}

section_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --lib --no-deps --all-features
    RUSTDOCFLAGS="-D warnings" cargo doc --locked -p xpkce --lib --no-deps --no-default-features
}

section_deny() {
    cargo deny --log-level warn check licenses bans sources
}

section_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --workspace --all-features --no-fail-fast \
            --status-level slow --final-status-level fail
        cargo test --locked --workspace --all-features --doc --quiet
    else
        cargo test --locked --workspace --all-features --no-fail-fast
    fi
}

# Few enough for minutes; docs/mutants.md has what all of them came to.
section_mutants() {
    # Beside what a long run has found, and built apart: a mutated library is no tests' business.
    XPKCE_MUTANTS_HOME=target/mutants/short python3 scripts/mutants.py short
}

# An example that needs a person or a network cannot run here, so there is none.
section_examples() {
    # With the features that the tests were built with: nothing is built twice.
    cargo build --quiet --locked --workspace --all-features --examples
    local file name
    for file in crates/*/examples/*.rs; do
        [ -e "$file" ] || die "there are no examples"
        name=$(basename "$file" .rs)
        echo "-- $name"
        "target/debug/examples/$name" </dev/null 2>&1 | tee "$LOGS/example-$name.log"
        # How X's tokens and codes end, all of them.
        ! grep -E 'OmF0OjE|OnJ0OjE|OmFjOjE' "$LOGS/example-$name.log" || die "$name said a token"
    done
}

section_readme() {
    cargo build --release --locked -p xpkce-cli
    python3 scripts/readme.py README.md
}

section_release() {
    cargo build --release --locked -p xpkce-cli
    local size
    size=$(stat -c %s target/release/xpkce)
    echo "target/release/xpkce: $size bytes, at most $MAX_BINARY"
    [ "$size" -le "$MAX_BINARY" ] || die "the release binary is too large"
    # The tests run with every feature: what a build without PostgreSQL says is seen here alone.
    cargo build --locked -p xpkce-cli --no-default-features
    local said
    said=$(XPKCE_HOME=/nonexistent XPKCE_STORE=postgres://localhost/x target/debug/xpkce token 2>&1 || true)
    local sentence
    for sentence in "this build of xpkce has no PostgreSQL" "it was built with --no-default-features" \
        "hint: install it without that flag"; do
        grep -qF -- "$sentence" <<<"$said" || die "it said of PostgreSQL: $said"
    done
}

section_demo() {
    cargo run --release --locked -- demo </dev/null
}

section_interop() {
    cargo build --release --locked -p xpkce-cli
    "$TOOLS/venv/bin/python" interop/run.py --xpkce target/release/xpkce \
        --node-home "$TOOLS/oidc-provider"
}

section_python() {
    crates/xpkce-python/check
}

section_bench() {
    ./bench --short
}
