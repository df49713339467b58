//! What the server refuses: what it means to a caller, what is tried again, and how often.

use futures_util::future::join_all;
use xpkce::Reason;
use xpkce::grant::{Account, Grant};
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, PostgresStore, PostgresUri, Revision, Store, Swapped};

use crate::server::server;
use crate::{Postgres, postgres};

/// How often a transaction is tried that others are in the way of.
const TRIES: i64 = 6;
const FOR_EVER: i64 = 1000;
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

impl Postgres {
    /// Lets the server refuse the first so many statements that change a grant, and counts them all.
    async fn refuse(&self, state: &str, times: i64) {
        self.execute(&format!(
            "DROP TRIGGER IF EXISTS refuse ON xpkce_grants; DROP SEQUENCE IF EXISTS changes;
            CREATE SEQUENCE changes;
            CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('changes') <= {times} THEN
                    RAISE EXCEPTION 'a test' USING ERRCODE = '{state}';
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON xpkce_grants
            FOR EACH STATEMENT EXECUTE FUNCTION refuse();"
        ))
        .await;
    }

    /// How many statements would have changed a grant since then.
    async fn changes(&self) -> i64 {
        self.read("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM changes").await
    }

    /// Opens the store as a user who may do what `rights` say, and nothing else.
    async fn open_as(&self, user: &str, rights: &str) -> xpkce::Result<PostgresStore> {
        let user = format!("{user}_{}", self.schema);
        self.execute(&format!("CREATE ROLE {user} LOGIN; GRANT {rights} TO {user}")).await;
        let (port, parameters) = (server().port, self.parameters());
        let address = format!("postgres://{user}@127.0.0.1:{port}/postgres?{parameters}");
        PostgresStore::open(&PostgresUri::new(address)).await
    }
}

fn user(name: &str) -> Grant {
    grant(Account::new("app", name))
}

async fn store_of(subject: &Postgres, grants: &[Grant]) -> PostgresStore {
    let store = subject.store().await;
    subject.keep(&store, grants).await;
    store
}

/// The ways to change a grant. Each takes a transaction, and not all of the same kind.
#[derive(Clone, Copy, Debug)]
enum Change {
    Insert,
    Update,
    Relabel,
}

impl Change {
    const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Relabel];

    async fn make(self, store: &PostgresStore) -> xpkce::Result<Swapped> {
        let (old, new) = (user("old"), user("new"));
        let first = Revision(1);
        match self {
            Self::Insert => store.swap(&new, None, LeaseEnd::Keep).await,
            Self::Update => store.swap(&old, Some(first), LeaseEnd::Keep).await,
            Self::Relabel => store.relabel((&old.account, first), &new, None).await,
        }
    }
}

#[tokio::test]
async fn what_the_server_says_is_told_as_what_it_means() {
    let subject = postgres().await;
    let store = store_of(&subject, &[user("old")]).await;
    for (state, reason, message) in [
        ("25006", Reason::Store, "takes no writes"),
        ("53100", Reason::Store, "disk is full"),
        ("42501", Reason::Store, "lacks a privilege"),
        ("3F000", Reason::Store, "no schema for its tables"),
        ("28P01", Reason::InvalidSetting, "the user or the password"),
        ("28000", Reason::InvalidSetting, "the user or the password"),
        ("3D000", Reason::InvalidSetting, "database does not exist"),
        ("57P01", Reason::Store, "is stopping, or starting"),
        ("57P02", Reason::Store, "is stopping, or starting"),
        ("57P03", Reason::Store, "is stopping, or starting"),
        ("08P01", Reason::Store, "cannot be reached through its pooler now"),
        ("55P03", Reason::Busy, "holds the row"),
        ("57014", Reason::Busy, "did not answer in time"),
        ("25P03", Reason::Busy, "undid what it had begun"),
        ("53300", Reason::Busy, "no free connection"),
        ("40001", Reason::Busy, "again and again"),
        ("40P01", Reason::Busy, "again and again"),
        ("XX001", Reason::StoreDamaged, "is damaged"),
        ("XX002", Reason::StoreDamaged, "is damaged"),
        ("22012", Reason::Store, "refused a statement"),
    ] {
        subject.refuse(state, FOR_EVER).await;
        let why = Change::Update.make(&store).await.unwrap_err();
        assert_eq!(why.reason(), reason, "{state}: {why}");
        assert!(why.to_string().contains(message), "{state}: {why}");
    }
}

#[tokio::test]
async fn what_others_are_in_the_way_of_is_tried_again_and_succeeds() {
    for change in Change::ALL {
        let subject = postgres().await;
        let store = store_of(&subject, &[user("old")]).await;
        subject.refuse(CONFLICTS[0], TRIES - 1).await;
        let changed = change.make(&store).await;
        assert!(matches!(changed, Ok(Swapped::Done(_))), "{change:?}: {changed:?}");
    }
}

#[tokio::test]
async fn what_others_are_always_in_the_way_of_is_given_up_in_the_end() {
    let subject = postgres().await;
    let store = store_of(&subject, &[user("old")]).await;
    for (change, state) in Change::ALL.into_iter().zip(CONFLICTS.iter().cycle()) {
        subject.refuse(state, FOR_EVER).await;
        let why = change.make(&store).await.unwrap_err();
        assert_eq!(why.reason(), Reason::Busy, "{change:?}: {why}");
        assert_eq!(subject.changes().await, TRIES, "{change:?}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_for_good_is_tried_once() {
    let subject = postgres().await;
    let store = store_of(&subject, &[user("old")]).await;
    for change in Change::ALL {
        subject.refuse("42501", FOR_EVER).await;
        assert_eq!(change.make(&store).await.unwrap_err().reason(), Reason::Store, "{change:?}");
        assert_eq!(subject.changes().await, 1, "{change:?}");
    }
}

#[tokio::test]
async fn updates_that_were_refused_together_are_tried_one_by_one() {
    let (subject, grants) = (postgres().await, ["0", "1", "2"].map(user));
    let store = store_of(&subject, &grants).await;
    subject.refuse("42501", 2).await;
    let swap = |grant| store.swap(grant, Some(Revision(1)), LeaseEnd::Keep);
    let swapped = join_all(grants.iter().map(swap)).await;
    let done = swapped.iter().filter(|swapped| matches!(swapped, Ok(Swapped::Done(_))));
    assert_eq!((done.count(), subject.changes().await), (2, 4), "{swapped:?}");
}

/// They have had their time.
#[tokio::test]
async fn updates_that_were_stopped_together_are_not_tried_again() {
    let (subject, grants) = (postgres().await, ["0", "1", "2"].map(user));
    let store = store_of(&subject, &grants).await;
    subject.refuse("57014", 1).await;
    let swap = |grant| store.swap(grant, Some(Revision(1)), LeaseEnd::Keep);
    for swapped in join_all(grants.iter().map(swap)).await {
        assert_eq!(swapped.unwrap_err().reason(), Reason::Busy);
    }
    assert_eq!(subject.changes().await, 1);
}

#[tokio::test]
async fn a_connection_outlives_what_the_server_refuses() {
    let subject = postgres().await;
    let store = store_of(&subject, &[user("old")]).await;
    let ours = format!("SELECT sum(pid) {}", subject.connections("true"));
    let before = subject.read(&ours).await;
    for change in Change::ALL {
        subject.refuse("42501", FOR_EVER).await;
        change.make(&store).await.unwrap_err();
    }
    assert_eq!(subject.read(&ours).await, before);
}

#[tokio::test]
async fn who_may_not_make_the_tables_is_told_so() {
    let subject = postgres().await;
    let usage = format!("USAGE ON SCHEMA {}", subject.schema);
    let why = subject.open_as("guest", &usage).await.unwrap_err();
    assert!(why.to_string().contains("lacks a privilege"), "{why}");
}

#[tokio::test]
async fn who_may_not_read_the_tables_is_told_so_and_makes_no_others() {
    let subject = postgres().await;
    drop(subject.store().await);
    let all = format!("ALL ON SCHEMA {}", subject.schema);
    let why = subject.open_as("guest", &all).await.unwrap_err();
    assert!(why.to_string().contains("lacks a privilege"), "{why}");
}
