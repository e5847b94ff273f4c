//! A walk through all keys, a few at a time: of one server, or of the primaries of a cluster, one
//! after the other.

use std::collections::BTreeMap;

use redis::{Cmd, RedisResult, Value, from_redis_value};

use super::{client::RedisClient, failure::NAME, slot::items};
use crate::store::{StoreError, StuckCursor, page::no_cursor};

/// Place that a walk has come to: the primary that has this slot as its first, and there this
/// cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScanPosition {
    slot: u16,
    cursor: u64,
}

impl ScanPosition {
    /// The place that `cursor` says.
    ///
    /// # Errors
    /// `cursor` is none of this store.
    pub(super) fn of(cursor: &StuckCursor) -> Result<Self, StoreError> {
        let read = || {
            let (slot, cursor) = cursor.as_str().split_once('.')?;
            Some(ScanPosition { slot: slot.parse().ok()?, cursor: cursor.parse().ok()? })
        };
        read().ok_or_else(|| no_cursor(NAME))
    }

    pub(super) fn cursor(self) -> StuckCursor {
        StuckCursor::new(format!("{}.{}", self.slot, self.cursor))
    }
}

/// Some of the keys that look like `pattern`, among about `count` from `place` on, and the place to
/// go on from.
pub(super) async fn step(
    client: &RedisClient,
    pattern: &[u8],
    place: Option<ScanPosition>,
    count: usize,
) -> RedisResult<(Vec<Vec<u8>>, Option<ScanPosition>)> {
    let place = match place {
        Some(place) => place,
        None => next_primary(client, None).await?.unwrap_or_default(),
    };
    let mut scan = Cmd::new();
    scan.arg("SCAN").arg(place.cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(count.max(1));
    let (cursor, keys): (u64, Vec<Vec<u8>>) = from_redis_value(client.send_to(place.slot, &scan).await?)?;
    let next = match cursor {
        0 => next_primary(client, Some(place.slot)).await?,
        cursor => Some(ScanPosition { cursor, ..place }),
    };
    Ok((keys, next))
}

/// The beginning of the primary whose first slot comes after `slot`.
async fn next_primary(client: &RedisClient, slot: Option<u16>) -> RedisResult<Option<ScanPosition>> {
    let first = match client {
        RedisClient::Single(_) => vec![0],
        RedisClient::Cluster(_) => first_slots(&client.send(Cmd::new().arg("CLUSTER").arg("SLOTS")).await?),
    };
    let next = first.into_iter().find(|first| slot.is_none_or(|slot| slot < *first));
    Ok(next.map(|slot| ScanPosition { slot, cursor: 0 }))
}

/// The first slot of each primary, in order, from an answer to `CLUSTER SLOTS`: ranges of slots,
/// each with its first, its last and its nodes.
fn first_slots(slots: &Value) -> Vec<u16> {
    let mut first: BTreeMap<String, u16> = BTreeMap::new();
    for range in items(slots) {
        if let [Value::Int(slot), _, primary, ..] = items(range)
            && let Ok(slot) = u16::try_from(*slot)
            && let [host, port, ..] = items(primary)
        {
            let known = first.entry(format!("{host:?} {port:?}")).or_insert(slot);
            *known = slot.min(*known);
        }
    }
    let mut first: Vec<u16> = first.into_values().collect();
    first.sort_unstable();
    first
}
