//! `xpkce key`: the keys that seal the store, and what is sealed with each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use xpkce::keeper::{reseal, spilled_keys};
use xpkce::seal::{KeyId, KeySource, Place, Sealer, key_uses, keys_in_use};
use xpkce::{Clock as _, SystemClock};

use super::Context;
use crate::choose::LoginFlags;
use crate::config::{Apps, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::table::Table;
use crate::text::counted;
use crate::vault::Vault;

/// List, rotate and prune the keys that seal the store.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    List(List),
    Rotate(Rotate),
    Seal(Seal),
    Prune(Prune),
}

/// List the keys, and how much is sealed with each. Shows no key.
#[derive(Args, Debug)]
pub(crate) struct List {}

/// Add a new key to the key file, and seal everything anew with it.
///
/// Running programs that read this file pick it up by themselves. The old key stays, for what they
/// may still seal with it and for your backups, until you run: xpkce key prune
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// Add the key, and seal nothing anew yet. Where other machines share the store: copy the key
    /// file to each of them, then run: xpkce key seal
    #[arg(long)]
    add_only: bool,
}

/// Seal everything with the newest key: finishes a rotation that was interrupted, or that only added
/// a key.
#[derive(Args, Debug)]
pub(crate) struct Seal {}

/// Drop the keys that nothing is sealed with any more.
///
/// Refuses in the hour after a rotation, and while anything is sealed with an old key: a login, an
/// unfinished sign-in, an app's client secret, or tokens that a process left behind. Of apps and of
/// such tokens it sees those of this machine alone: run it on each machine, on its own key file.
#[derive(Args, Debug)]
pub(crate) struct Prune {}

impl KeyCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = context.settings()?;
        let Some(vault) = Vault::open_existing(&settings).await? else {
            let failure = Failure::new(Kind::Configure, "there is no store yet, and no key");
            return Err(match LoginFlags::default().nobody(&settings).hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        };
        let desk = Desk { context, settings: &settings, vault };
        match self {
            Self::List(_) => desk.list().await,
            Self::Rotate(rotate) => desk.rotate(rotate.add_only).await,
            Self::Seal(_) => desk.seal().await,
            Self::Prune(_) => desk.prune().await,
        }
    }
}

/// A key as it is shown.
#[derive(Debug, Default, Serialize)]
struct KeyView {
    key: String,
    /// Whether the key is there; without it what is sealed with it cannot be read.
    known: bool,
    seals: bool,
    logins: usize,
    waiting: usize,
    apps: Vec<String>,
    spilled: bool,
    check: bool,
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<KeyView>,
}

#[derive(Serialize)]
struct Sealed {
    key: String,
    logins: usize,
    apps: usize,
    failed: usize,
}

#[derive(Serialize)]
struct Pruned {
    dropped: Vec<String>,
}

struct Desk<'a> {
    context: &'a Context,
    settings: &'a Settings<'a>,
    vault: Vault,
}

impl Desk<'_> {
    async fn list(&self) -> Result<()> {
        let mut views: BTreeMap<KeyId, KeyView> = BTreeMap::new();
        let known = self.vault.sealer.keys();
        for key in &known {
            views.entry(*key).or_default();
        }
        for (key, uses) in key_uses(self.vault.store.as_ref()).await? {
            let view = views.entry(key).or_default();
            (view.logins, view.waiting, view.check) = (uses.records, uses.logins, uses.is_check);
        }
        for (name, app) in self.settings.apps().iter() {
            if let Some(secret) = &app.client_secret {
                views.entry(*secret.key()).or_default().apps.push(name.to_owned());
            }
        }
        for key in spilled_keys(self.vault.holders())? {
            views.entry(key).or_default().spilled = true;
        }
        let current = self.vault.sealer.current();
        for (key, view) in &mut views {
            view.key = key.to_string();
            view.seals = *key == current;
            view.known = known.contains(key);
        }
        // In the order of the key file: the last one seals.
        let place = |key: &KeyId| known.iter().position(|known| known == key);
        let mut keys: Vec<_> = views.into_iter().collect();
        keys.sort_by_key(|(key, _)| place(key));
        let keys: Vec<_> = keys.into_iter().map(|(_, view)| view).collect();
        if self.context.output.is_json() {
            return self.context.output.json(&Keys { keys });
        }
        let header = ["KEY", "SEALS", "LOGINS", "WAITING", "APPS", "SPILLED"];
        let mut table = Table::new(header);
        for view in &keys {
            table.add_row([
                view.key.clone(),
                if view.known { yes(view.seals) } else { "missing".to_owned() },
                view.logins.to_string(),
                view.waiting.to_string(),
                if view.apps.is_empty() { "-".to_owned() } else { view.apps.join(", ") },
                yes(view.spilled),
            ]);
        }
        self.context.output.table(&table)
    }

    async fn rotate(&self, is_only_added: bool) -> Result<()> {
        let path = self.key_file("rotated")?;
        let sealer = Sealer::rotate_key_file(&path)?;
        if !is_only_added {
            return self.seal_with(&sealer).await;
        }
        let key = sealer.current().to_string();
        if self.context.output.is_json() {
            return self.context.output.json(&Sealed { key, logins: 0, apps: 0, failed: 0 });
        }
        let say = |text: &str| self.context.output.say(text);
        say(&format!("the key {key} is in {}", path.display()));
        say("Next: copy that file to every machine that shares the store, then xpkce key seal");
        Ok(())
    }

    async fn seal(&self) -> Result<()> {
        self.seal_with(&self.vault.sealer).await
    }

    async fn seal_with(&self, sealer: &Sealer) -> Result<()> {
        let done = reseal(self.vault.store.as_ref(), sealer).await?;
        let current = sealer.current();
        let apps = Apps::reseal(self.settings.home(), |client_id, sealed| {
            if *sealed.key() == current {
                return Ok(None);
            }
            let place = Place::ClientSecret(client_id);
            let secret = sealer.open(place, sealed)?;
            Ok(Some(sealer.seal(place, &secret)?))
        })?;
        // Seals the check of the key anew as well.
        keys_in_use(self.vault.store.as_ref(), sealer).await?;
        let key = current.to_string();
        let failed = done.failed;
        if self.context.output.is_json() {
            self.context.output.json(&Sealed { key, logins: done.resealed, apps, failed })?;
        } else {
            let logins = counted(done.resealed, "login");
            let secrets = counted(apps, "client secret");
            self.context
                .output
                .say(&format!("the key {key} seals; sealed anew: {logins}, {secrets}"));
        }
        if failed > 0 {
            let message = match failed {
                1 => "a login does not open and was left as it is".to_owned(),
                many => format!("{many} logins do not open and were left as they are"),
            };
            return Err(Failure::new(Kind::Store, message).hint("xpkce key list"));
        }
        Ok(())
    }

    async fn prune(&self) -> Result<()> {
        let path = self.key_file("pruned")?;
        let sealer = &self.vault.sealer;
        let mut in_use: BTreeSet<KeyId> = keys_in_use(self.vault.store.as_ref(), sealer).await?;
        in_use.extend(spilled_keys(self.vault.holders())?);
        // Read anew: it may have changed since this program began.
        let apps = Apps::load(self.settings.home())?;
        let secrets = apps.iter().filter_map(|(_, app)| app.client_secret.as_ref());
        in_use.extend(secrets.map(|secret| *secret.key()));
        let current = sealer.current();
        let old: Vec<_> = sealer.keys().into_iter().filter(|key| *key != current).collect();
        let named: Vec<_> =
            old.iter().filter(|key| in_use.contains(key)).map(ToString::to_string).collect();
        if !named.is_empty() {
            let message = format!("something is still sealed with {}", named.join(", "));
            return Err(Failure::new(Kind::Configure, message)
                .why(&"xpkce key list shows what")
                .hint("xpkce key seal"));
        }
        let dropped = Sealer::prune_key_file(&path, &in_use, SystemClock.now())?;
        let dropped: Vec<_> = dropped.iter().map(ToString::to_string).collect();
        if self.context.output.is_json() {
            return self.context.output.json(&Pruned { dropped });
        }
        self.context.output.say(&match dropped.len() {
            0 => "there is no old key".to_owned(),
            _ => format!("dropped {}", dropped.join(", ")),
        });
        Ok(())
    }

    /// Returns the key file, which alone can be changed from here.
    fn key_file(&self, done: &str) -> Result<PathBuf> {
        let (from, hint) = match self.settings.key_source() {
            KeySource::File(path) => return Ok(path),
            KeySource::Text(_) => (
                "XPKCE_KEY",
                "append a new key to XPKCE_KEY, start every program anew with it, then run: xpkce key seal",
            ),
            _ => (
                "a credential of the service manager",
                "append a new key to the credential, start every program anew with it, then run: xpkce key seal",
            ),
        };
        let message = format!("the keys come from {from}, and cannot be {done} here");
        Err(Failure::new(Kind::Configure, message).hint(hint))
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "-" }.to_owned()
}
