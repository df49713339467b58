//! `xpkce completions`: what a shell completes.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::Context;
use crate::cli::Cli;
use crate::failure::Result;

/// Print completions for a shell.
///
///   bash: xpkce completions bash > ~/.local/share/bash-completion/completions/xpkce
///   zsh:  xpkce completions zsh > "${fpath[1]}/_xpkce"
///   fish: xpkce completions fish > ~/.config/fish/completions/xpkce.fish
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "xpkce", &mut script);
        context.output.data(&script)
    }
}
