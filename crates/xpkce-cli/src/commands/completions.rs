//! `xpkce completions`: what a shell completes.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::Context;
use crate::cli::Cli;
use crate::failure::Result;

const EXAMPLE: &str = "\
Examples:
  xpkce completions bash > ~/.local/share/bash-completion/completions/xpkce
  xpkce completions zsh > \"${fpath[1]}/_xpkce\"
  xpkce completions fish > ~/.config/fish/completions/xpkce.fish";

/// Print completions for a shell.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut <Cli>::command(), "xpkce", &mut script);
        context.output.data(&script)
    }
}
