//! Looking at entries, and forgetting one.

use std::time::Duration;

use futures_util::future::try_join_all;
use redis::RedisError;

use super::{
    RedisStore,
    call::Call,
    failure::NAME,
    reply::ScriptReply,
    scan::{self, ScanPosition},
};
use crate::{
    request::{Address, RequestFingerprint},
    store::{
        Forget, ForgetRequest, Hold, Inspection, Renewal, Store, StoreError, Stuck, StuckRequest, Token,
    },
};

/// No record is longer.
const ALL: usize = 1 << 30;
/// Number of keys that are looked through at a time: for steps, and for stuck entries.
const COUNT: usize = 1_000;
const LOOKED_AT: usize = 200;
/// Number of times that the search for one page of stuck entries goes on.
const ROUNDS: usize = 16;
/// Time for which an entry is held while it is forgotten; renewed after each part of the keys.
const HELD: Duration = Duration::from_secs(10);

impl RedisStore {
    /// See [`Store::inspect`]. Nothing is found where the record has more than `most` bytes.
    pub(super) async fn look(&self, address: Address, most: usize) -> Result<Option<Inspection>, StoreError> {
        let call = Call::inspect(&self.0.names, address, most);
        ScriptReply::of(self.alone(&call).await?)?.into_inspection(address)
    }

    /// The same look, with nothing where the entry cannot be read.
    async fn look_past(&self, address: Address, most: usize) -> Result<Option<Inspection>, StoreError> {
        match self.look(address, most).await {
            Err(StoreError::Unreadable { .. }) => Ok(None),
            found => found,
        }
    }

    pub(super) async fn look_at_all(&self, address: Address) -> Result<Option<Inspection>, StoreError> {
        self.look(address, ALL).await
    }

    /// See [`Store::stuck`].
    pub(super) async fn find_stuck(&self, request: &StuckRequest) -> Result<Stuck, StoreError> {
        let mut place = request.after.as_ref().map(ScanPosition::of).transpose()?;
        let pattern = self.0.names.pattern(&[]);
        let mut stuck = Stuck::default();
        for _ in 0..ROUNDS {
            let count = request.limit.min(LOOKED_AT);
            let (addresses, next) = self.scan(&pattern, place, count).await?;
            let most = request.unknown.as_bytes().len();
            let found = addresses.into_iter().map(|address| self.look_past(address, most));
            let found = try_join_all(found).await?;
            stuck.entries.extend(found.into_iter().flatten().filter(|entry| request.wants(entry)));
            place = next;
            if place.is_none() || stuck.entries.len() >= request.limit {
                break;
            }
        }
        stuck.entries.sort_by_key(|entry| entry.kept_for);
        stuck.next = place.map(ScanPosition::cursor);
        Ok(stuck)
    }

    async fn scan(
        &self,
        pattern: &[u8],
        place: Option<ScanPosition>,
        count: usize,
    ) -> Result<(Vec<Address>, Option<ScanPosition>), StoreError> {
        let step = scan::step(&self.0.client, pattern, place, count).await;
        let (keys, next) = step.map_err(|error: RedisError| StoreError::unavailable(NAME, error))?;
        Ok((keys.iter().filter_map(|key| self.0.names.address_of(key)).collect(), next))
    }

    // The entry and its steps live in different slots, so one script cannot delete them:
    //
    //   not running ─ taken over, by a token of our own ─▶ held: all others wait
    //   held ─ its steps dropped ─▶ vacant, and all waiters are woken
    //        └ we die over it ────▶ a dead claim, which may be forgotten again
    /// See [`Store::forget`].
    pub(super) async fn free(&self, request: ForgetRequest) -> Result<Forget, StoreError> {
        let token = Token::random().map_err(|error| StoreError::not_done(NAME, error))?;
        match self
            .call(Call::forget(&self.0.names, &request, token, HELD))
            .await?
            .read()?
            .into_forget(NAME)?
        {
            Forget::Done => {}
            other => return Ok(other),
        }
        let fingerprint = RequestFingerprint::from_bytes([0; 32]);
        let hold = Hold { address: request.address, token, fingerprint };
        if self.drop_steps(hold).await? == Renewal::Fenced {
            return Ok(Forget::Another);
        }
        self.release(hold).await?;
        Ok(Forget::Done)
    }

    /// Drops everything beneath an entry that is held, for as long as the entry is held.
    async fn drop_steps(&self, held: Hold) -> Result<Renewal, StoreError> {
        let (pattern, mut place) = (self.0.names.pattern(&held.address.beginning()), None);
        loop {
            let (addresses, next) = self.scan(&pattern, place, COUNT).await?;
            for address in addresses.into_iter().filter(|address| *address != held.address) {
                self.call(Call::drop_unless_running(&self.0.names, address)).await?;
                self.0.wakeups.notify(address);
            }
            if self.renew(held, HELD).await? == Renewal::Fenced {
                return Ok(Renewal::Fenced);
            }
            place = next;
            if place.is_none() {
                return Ok(Renewal::Renewed);
            }
        }
    }
}
