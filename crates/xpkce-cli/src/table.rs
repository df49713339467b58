//! Rows of facts: a table where it fits, and where the terminal is too narrow one fact to a line.

use comfy_table::{Table as Lines, presets};

/// Rows under a header.
pub(crate) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new() }
    }

    pub(crate) fn add_row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// Writes it for a terminal of so many columns, or for a program that reads it.
    pub(crate) fn text(&self, columns: Option<usize>) -> String {
        let wide = self.wide();
        match columns {
            Some(columns) if wide.lines().any(|line| line.chars().count() > columns) => {
                self.narrow(columns)
            }
            _ => wide,
        }
    }

    /// Without lines, readable by people and by `awk`.
    fn wide(&self) -> String {
        let mut table = Lines::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.header);
        table.add_rows(&self.rows);
        table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
    }

    fn narrow(&self, columns: usize) -> String {
        let label = self.header.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        let facts = |row: &[String; N]| {
            let named = self.header.iter().zip(row);
            let lines = named.map(|(name, value)| {
                let gap = " ".repeat(label + 2 - name.chars().count());
                format!("{name}{gap}{}", folded(value, label + 2, columns))
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        self.rows.iter().map(facts).collect::<Vec<_>>().join("\n\n")
    }
}

/// Breaks a value at its spaces so that it stays right of the labels. A command stays whole: the
/// terminal folds it, and it can still be copied.
fn folded(value: &str, margin: usize, columns: usize) -> String {
    let room = columns.saturating_sub(margin);
    if room < 12 || value.contains("xpkce ") {
        return value.to_owned();
    }
    let (mut text, mut used) = (String::new(), 0);
    for word in value.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            text.push('\n');
            text.push_str(&" ".repeat(margin));
            used = 0;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new(["NAME", "SCOPES", "TO DO"]);
        let scopes = "tweet.read users.read offline.access";
        table.add_row(["one".into(), scopes.into(), "xpkce login --app a-rather-long-name".into()]);
        table.add_row(["two".into(), "-".into(), "nothing".into()]);
        table
    }

    #[test]
    fn what_fits_is_a_table() {
        let wide = table().text(Some(100));
        assert_eq!(wide, table().text(None));
        assert_eq!(wide.lines().count(), 3);
        assert!(wide.starts_with("NAME"), "{wide}");
    }

    #[test]
    fn what_does_not_fit_has_a_line_for_each_fact_and_whole_commands() {
        assert_eq!(
            table().text(Some(40)),
            "NAME    one\n\
             SCOPES  tweet.read users.read\n        offline.access\n\
             TO DO   xpkce login --app a-rather-long-name\n\
             \n\
             NAME    two\nSCOPES  -\nTO DO   nothing"
        );
    }
}
