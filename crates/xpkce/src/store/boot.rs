//! Identifies the current boot of this machine, for leases that end with it.

use crate::{Error, Reason, Result};

/// Returns the kernel's name for this boot.
pub(super) fn boot_id() -> Result<String> {
    read().map_err(|why| {
        Error::new(Reason::Store, "cannot tell which boot of this machine it is").with_source(why)
    })
}

#[cfg(not(target_os = "macos"))]
fn read() -> std::io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(target_os = "macos")]
fn read() -> std::io::Result<String> {
    let answer = std::process::Command::new("/usr/sbin/sysctl")
        .args(["-n", "kern.bootsessionuuid"])
        .output()?;
    let id = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if id.is_empty() { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(id) }
}
