//! Pairs between the wire and the record: sealed for the place they take, opened to be used.

use crate::grant::transition::{Attempt, NewPair, Spent};
use crate::grant::{Access, Account, Candidate, Generation, Grant, GrantId, PairId};
use crate::seal::{Place, Sealed, Sealer};
use crate::token::{Issued, Rotated, Unreadable};
use crate::{AccessToken, Error, Reason, RefreshToken, Result, Timestamp};

/// A success of X on its way into the store.
pub(super) struct Landing {
    pub(super) attempt: Attempt,
    pub(super) spent: Spent,
    /// The name the pair gets.
    pub(super) pair: PairId,
    pub(super) answer: Answer,
    /// The token that was spent; goes on being current if the answer brought no other.
    pub(super) refresh: RefreshToken,
    /// When the answer came.
    pub(super) received_at: Timestamp,
}

/// What a success brought.
pub(super) enum Answer {
    /// A pair, or half of one.
    Pair(Rotated),
    /// Nothing that this version can read.
    Unread(Unreadable),
}

/// Where a pair takes its place.
#[derive(Clone, Copy)]
pub(super) struct Seat<'a> {
    pub(super) account: &'a Account,
    pub(super) grant_id: &'a GrantId,
    pub(super) generation: Generation,
}

impl<'a> Seat<'a> {
    pub(super) fn of(grant: &'a Grant) -> Self {
        Self { account: &grant.account, grant_id: &grant.grant_id, generation: grant.generation }
    }

    fn access(self) -> Place<'a> {
        Place::Access(self.account, self.grant_id, self.generation)
    }

    fn refresh(self) -> Place<'a> {
        Place::Refresh(self.account, self.grant_id, self.generation)
    }

    pub(super) fn unread(self) -> Place<'a> {
        Place::Unread(self.account, self.grant_id, self.generation)
    }

    pub(super) fn spill(self) -> Place<'a> {
        Place::Spill(self.account, self.grant_id, self.generation)
    }

    pub(super) fn seal_access(
        self,
        sealer: &Sealer,
        issued: &Issued,
        now: Timestamp,
    ) -> Result<Access> {
        Ok(Access {
            token: sealer.seal(self.access(), issued.access_token.expose().as_bytes())?,
            token_type: issued.token_type.clone(),
            issued_at: now,
            expires_at: issued.expires_at,
            is_rejected: false,
        })
    }

    pub(super) fn seal_refresh(self, sealer: &Sealer, token: &RefreshToken) -> Result<Sealed> {
        sealer.seal(self.refresh(), token.expose().as_bytes())
    }
}

/// Seals what X answered for the generation that it makes. `before` is the grant whose token was
/// spent. An answer without a refresh token keeps the old one (RFC 6749 section 6).
pub(super) fn seal_rotated(
    sealer: &Sealer,
    before: &Grant,
    landing: &Landing,
    rotated: &Rotated,
) -> Result<NewPair> {
    let Landing { spent, pair, refresh: old, received_at, .. } = landing;
    let seat = Seat {
        account: &before.account,
        grant_id: &spent.grant_id,
        generation: spent.generation.next(),
    };
    let access = rotated.access.as_ref().map(|it| seat.seal_access(sealer, it, *received_at));
    Ok(NewPair {
        pair: *pair,
        access: access.transpose()?,
        refresh: seat.seal_refresh(sealer, rotated.refresh.as_ref().unwrap_or(old))?,
        candidate: None,
        scopes: rotated.scopes.clone(),
        received_at: *received_at,
    })
}

/// Seals a pair's refresh token as a candidate of the grant, which has gone on without it.
pub(super) fn seal_candidate(
    sealer: &Sealer,
    grant: &Grant,
    landing: &Landing,
    rotated: &Rotated,
) -> Result<Option<Sealed>> {
    let place = Place::Candidate(&grant.account, &landing.pair);
    let seal = |token: &RefreshToken| sealer.seal(place, token.expose().as_bytes());
    rotated.refresh.as_ref().map(seal).transpose()
}

/// Opens the refresh token that the grant would spend.
pub(super) fn open_refresh(sealer: &Sealer, grant: &Grant) -> Result<Option<RefreshToken>> {
    let place = refresh_place(grant);
    grant
        .refresh
        .as_ref()
        .map(|sealed| Ok(RefreshToken::new(open(sealer, place, sealed)?)))
        .transpose()
}

/// Opens the grant's access token.
pub(super) fn open_access(sealer: &Sealer, grant: &Grant) -> Result<Option<AccessToken>> {
    let open = |access: &Access| open(sealer, Seat::of(grant).access(), &access.token);
    grant.access.as_ref().map(|access| Ok(AccessToken::new(open(access)?))).transpose()
}

/// Opens a candidate's refresh token.
pub(super) fn open_candidate(
    sealer: &Sealer,
    account: &Account,
    candidate: &Candidate,
) -> Result<RefreshToken> {
    let place = Place::Candidate(account, &candidate.pair);
    Ok(RefreshToken::new(open(sealer, place, &candidate.refresh)?))
}

/// Makes a candidate of the grant's own pair, sealed for `account`.
pub(super) fn demote(
    sealer: &Sealer,
    grant: &Grant,
    account: &Account,
    now: Timestamp,
) -> Result<Option<Candidate>> {
    let Some(token) = open_refresh(sealer, grant)? else {
        return Ok(None);
    };
    let place = Place::Candidate(account, &grant.pair);
    Ok(Some(Candidate {
        pair: grant.pair,
        grant_id: grant.grant_id,
        generation: grant.generation,
        refresh: sealer.seal(place, token.expose().as_bytes())?,
        received_at: grant.access.as_ref().map_or(now, |access| access.issued_at),
    }))
}

/// Makes a candidate of a pair that came after the sign-out; none if it has no refresh token.
pub(super) fn late(
    sealer: &Sealer,
    tomb: &Grant,
    landing: &Landing,
    rotated: &Rotated,
) -> Result<Option<Candidate>> {
    let refresh = seal_candidate(sealer, tomb, landing, rotated)?;
    Ok(refresh.map(|refresh| Candidate {
        pair: landing.pair,
        grant_id: landing.spent.grant_id,
        generation: landing.spent.generation.next(),
        refresh,
        received_at: landing.received_at,
    }))
}

/// Seals the grant's own pair, and what it could not read, again for another account and
/// generation.
pub(super) fn reseat(
    sealer: &Sealer,
    grant: &Grant,
    account: Account,
    generation: Generation,
) -> Result<Grant> {
    let access = open_access(sealer, grant)?;
    let refresh = open_refresh(sealer, grant)?;
    let mut moved = Grant { account, generation, refresh_is_candidate: false, ..grant.clone() };
    let seat = Seat::of(&moved);
    let refresh = refresh.map(|token| seat.seal_refresh(sealer, &token)).transpose()?;
    let sealed = access.map(|token| sealer.seal(seat.access(), token.expose().as_bytes()));
    let sealed = sealed.transpose()?;
    let unread = grant.unread.as_ref().map(|unread| {
        let body = sealer.open(Seat::of(grant).unread(), &unread.body)?;
        sealer.seal(seat.unread(), &body)
    });
    let unread = unread.transpose()?;
    moved.refresh = refresh;
    if let (Some(access), Some(sealed)) = (moved.access.as_mut(), sealed) {
        access.token = sealed;
    }
    moved.candidates.clear();
    for candidate in &grant.candidates {
        let token = open_candidate(sealer, &grant.account, candidate)?;
        let place = Place::Candidate(&moved.account, &candidate.pair);
        let refresh = sealer.seal(place, token.expose().as_bytes())?;
        moved.candidates.push(Candidate { refresh, ..candidate.clone() });
    }
    if let (Some(unread), Some(body)) = (moved.unread.as_mut(), unread) {
        unread.body = body;
    }
    Ok(moved)
}

/// Seals everything of a grant anew, each in its own place, with the newest key; none when all of it
/// is so already.
pub(super) fn resealed(sealer: &Sealer, grant: &Grant) -> Result<Option<Grant>> {
    let current = sealer.current();
    let mut anew = grant.clone();
    let mut is_news = false;
    let mut seal = |place: Place<'_>, sealed: &mut Sealed| -> Result<()> {
        if *sealed.key() != current {
            *sealed = sealer.seal(place, &sealer.open(place, sealed)?)?;
            is_news = true;
        }
        Ok(())
    };
    let seat = Seat::of(grant);
    if let Some(access) = &mut anew.access {
        seal(seat.access(), &mut access.token)?;
    }
    if let Some(refresh) = &mut anew.refresh {
        seal(refresh_place(grant), refresh)?;
    }
    for candidate in &mut anew.candidates {
        seal(Place::Candidate(&grant.account, &candidate.pair), &mut candidate.refresh)?;
    }
    if let Some(unread) = &mut anew.unread {
        seal(seat.unread(), &mut unread.body)?;
    }
    Ok(is_news.then_some(anew))
}

/// Returns where the grant's refresh token is sealed.
fn refresh_place(grant: &Grant) -> Place<'_> {
    if grant.refresh_is_candidate {
        Place::Candidate(&grant.account, &grant.pair)
    } else {
        Seat::of(grant).refresh()
    }
}

fn open(sealer: &Sealer, place: Place<'_>, sealed: &Sealed) -> Result<String> {
    let bytes = sealer.open(place, sealed)?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Error::new(Reason::StoreDamaged, "a stored secret is not text"))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::contract;

    /// A grant whose refresh token was a candidate, and that has another candidate.
    fn grant(sealer: &Sealer) -> Grant {
        let sample = contract::grant(Account::new("app", "unlabelled-1"));
        let seal = |place, text: &[u8]| sealer.seal(place, text).unwrap();
        let other = &sample.candidates[0];
        let candidate = Candidate {
            refresh: seal(Place::Candidate(&sample.account, &other.pair), b"fake-candidate"),
            ..other.clone()
        };
        let access = Access {
            token: seal(Seat::of(&sample).access(), b"fake-access"),
            ..sample.access.clone().unwrap()
        };
        Grant {
            refresh: Some(seal(Place::Candidate(&sample.account, &sample.pair), b"fake-refresh")),
            refresh_is_candidate: true,
            access: Some(access),
            candidates: vec![candidate],
            unread: None,
            ..sample
        }
    }

    #[test]
    fn every_token_of_a_login_that_moves_opens_in_its_new_place() {
        let sealer = Sealer::from_text(&"A".repeat(43)).unwrap();
        let account = Account::new("app", "7");
        let moved = reseat(&sealer, &grant(&sealer), account.clone(), Generation(1)).unwrap();
        let refresh = open_refresh(&sealer, &moved).unwrap().unwrap();
        assert_eq!(refresh.expose(), "fake-refresh");
        assert_eq!(open_access(&sealer, &moved).unwrap().unwrap().expose(), "fake-access");
        let [candidate] = &moved.candidates[..] else { panic!("a candidate is lost") };
        let candidate = open_candidate(&sealer, &account, candidate).unwrap();
        assert_eq!(candidate.expose(), "fake-candidate");
    }
}
