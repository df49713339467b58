//! Links the unwinder into the command, where there is one to link. `xpkce token` is run by scripts
//! all the time, and would spend much of its start on loading `libgcc_s.so`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    if is_gnu_linux() && has_unwinder() {
        // Named like a shared library, so that it is linked in its place among the libraries: before
        // that of the standard library, which is then not needed. There is none that is shared.
        println!("cargo:rustc-link-lib=dylib=gcc_eh");
    }
}

fn is_gnu_linux() -> bool {
    let target = |what| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    target("OS") == "linux" && target("ENV") == "gnu"
}

/// Asks the linker: a C compiler names the file that it would take, or, if it has none, only repeats
/// its name. One that cannot be asked has none.
fn has_unwinder() -> bool {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    Command::new(linker).arg("-print-file-name=libgcc_eh.a").output().is_ok_and(|said| {
        let file = String::from_utf8_lossy(&said.stdout);
        said.status.success() && Path::new(file.trim()).is_absolute()
    })
}
