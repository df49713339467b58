# What the tests need and how it gets here. Sourced by ./test and ./bench.
#
# Each thing is named as it is installed, skipped when present, and a failure when it cannot be had.
# Packages of the system come from apt-get; everything else goes to a folder under target/.

TOOLS=$PWD/target/tools
CARGO_DENY_VERSION=0.20.2
CARGO_MUTANTS_VERSION=27.1.0
# Servers of the system live where not everybody looks.
export PATH=$TOOLS/cargo/bin:$PATH:/usr/sbin

# command=package; the command decides whether the package is asked for.
SYSTEM_NEEDS=(
    cc=gcc
    ar=binutils
    curl=curl
    git=git
    python3=python3
    chromium=chromium
    chromedriver=chromium-driver
    valgrind=valgrind
    node=nodejs
    npm=npm
    pgbouncer=pgbouncer
)

install_everything() {
    require_rust
    install_system_packages
    install_cargo_tool deny "$CARGO_DENY_VERSION"
    install_cargo_tool mutants "$CARGO_MUTANTS_VERSION"
    install_python_packages
    install_node_packages
}

require_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    command -v cargo >/dev/null || missing "cargo; install Rust $wanted or newer with rustup"
    local found
    found=$(rustc --version | cut -d' ' -f2)
    printf '%s\n%s\n' "$wanted" "$found" | sort -C -V ||
        missing "Rust $wanted; this is $found: rustup update"
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 ||
            missing "cargo $component; rustup component add rustfmt clippy"
    done
    echo "rust $found is here"
}

install_system_packages() {
    local wanted=() need
    for need in "${SYSTEM_NEEDS[@]}"; do
        command -v "${need%%=*}" >/dev/null || wanted+=("${need#*=}")
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
    [ -e /usr/include/stdlib.h ] || wanted+=(libc6-dev)
    [ -e /etc/ssl/certs/ca-certificates.crt ] || wanted+=(ca-certificates)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted+=(postgresql)
    if [ ${#wanted[@]} -eq 0 ]; then
        echo "system packages are here"
        return
    fi
    echo "installing system packages: ${wanted[*]}"
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${wanted[@]}" >/dev/null
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        missing "rights: neither root nor sudo, and this has to run as root: $*"
    fi
}

install_cargo_tool() {
    local wanted="cargo-$1 $2"
    if [ "$(cargo "$1" --version 2>/dev/null)" = "$wanted" ]; then
        echo "$wanted is here"
        return
    fi
    echo "installing $wanted (some minutes, once)"
    # As a debug build: it runs for seconds, and its own release profile takes minutes more to build.
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --quiet --locked --root "$(tool_home)" \
        "cargo-$1@$2"
}

# Tools of cargo outlive a clean clone when cargo's own folder can be written.
tool_home() {
    local home=${CARGO_HOME:-$HOME/.cargo}
    if [ -w "$home" ]; then echo "$home"; else echo "$TOOLS/cargo"; fi
}

install_python_packages() {
    local wanted=interop/requirements.txt installed=$TOOLS/venv/installed.txt
    if cmp -s "$wanted" "$installed"; then
        echo "python packages are here"
        return
    fi
    echo "installing python packages: $(grep -v '^#' "$wanted" | tr '\n' ' ')"
    python3 -m venv "$TOOLS/venv"
    "$TOOLS/venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$installed"
}

# The server's files are copied beside its packages: Node looks for packages next to the importer.
install_node_packages() {
    local wanted=interop/oidc-provider/package.json home=$TOOLS/oidc-provider
    if cmp -s "$wanted" "$home/installed.json"; then
        echo "node packages are here"
        return
    fi
    echo "installing node packages: $(sed -n 's/^ *"\(oidc-provider\)": "\(.*\)".*/\1 \2/p' "$wanted")"
    mkdir -p "$home"
    cp "$wanted" "$home/package.json"
    npm install --prefix "$home" --silent --ignore-scripts --no-audit --no-fund
    cp "$wanted" "$home/installed.json"
}

missing() {
    echo "test: missing: $*" >&2
    exit 1
}
