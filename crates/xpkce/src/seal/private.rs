//! Files that are for their owner alone.

use std::path::Path;

/// Says how to close a file to others, as it is pasted into a shell.
pub(crate) fn closing(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if shown.chars().all(is_plain) {
        return format!("chmod 600 {shown}");
    }
    format!("chmod 600 '{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_a_shell_would_split_is_quoted() {
        assert_eq!(closing(Path::new("/a/key")), "chmod 600 /a/key");
        assert_eq!(closing(Path::new("/a b/it's")), r"chmod 600 '/a b/it'\''s'");
    }
}
