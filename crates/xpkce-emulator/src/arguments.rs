//! The arguments of the program.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A strict local stand-in for X's authorization server. In memory, on 127.0.0.1 only.

Usage: xpkce-emulator [--port N] [--auto-approve [USERNAME]] [--json]

  --port N                   listen on this port; without it a free one is taken
  --auto-approve [USERNAME]  approve every sign-in at once, as this user or the first;
                             without it the consent page asks
  --json                     print addresses, apps and users as one line of JSON
  --help                     print this
";

/// How the emulator is to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) port: u16,
    pub(crate) approval: Approval,
    pub(crate) json: bool,
}

/// Who approves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Approval {
    Page,
    First,
    By(String),
}

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Run(Arguments),
    Help,
    Wrong(String),
}

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Parsed {
    let mut parsed = Arguments { port: 0, approval: Approval::Page, json: false };
    let mut rest = arguments.peekable();
    while let Some(argument) = rest.next() {
        let (flag, attached) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        match flag {
            "--help" | "-h" => return Parsed::Help,
            "--json" => parsed.json = true,
            "--port" => match attached.or_else(|| rest.next()).map(|value| value.parse()) {
                Some(Ok(port)) => parsed.port = port,
                _ => return Parsed::Wrong("--port needs a number from 0 to 65535".to_owned()),
            },
            "--auto-approve" => {
                let value = attached.or_else(|| rest.next_if(|next| !next.starts_with('-')));
                parsed.approval = value.map_or(Approval::First, Approval::By);
            }
            _ => return Parsed::Wrong(format!("unknown argument {argument}")),
        }
    }
    Parsed::Run(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Parsed {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_username_after_auto_approve_is_optional() {
        let run = |port, approval, json| Parsed::Run(Arguments { port, approval, json });
        assert_eq!(parsed(""), run(0, Approval::Page, false));
        assert_eq!(parsed("--auto-approve --json"), run(0, Approval::First, true));
        let by = Approval::By("bo_sample".to_owned());
        assert_eq!(parsed("--auto-approve bo_sample --port=81"), run(81, by, false));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in ["--port", "--port x", "--port 70000", "--frob", "word"] {
            assert!(matches!(parsed(line), Parsed::Wrong(_)), "{line}");
        }
    }
}
