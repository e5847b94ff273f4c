//! The statements. Each text is one trip to the connection's thread, prepared once and kept.
//!
//! A batch is two trips, however many calls it holds: one begins and reads, one writes and commits.
//! A lone claim or completion is one.

use std::sync::Arc;

/// Greatest number of calls in one batch.
pub(super) const MOST: usize = 256;

/// Number of rows that one sweep deletes, and of records, at most. No claim waits long behind it.
pub(super) const SWEPT: u64 = 500;

/// Number of rows that are looked at for a page of stuck entries.
pub(super) const WALKED: usize = 1_000;

#[derive(Debug)]
pub(super) struct Sql {
    /// Begins, and reads the entries at the addresses in `?1`, of which there are `?2`.
    pub(super) begin: Arc<str>,
    /// Deletes rows whose time had ended at `?1`, and the records of those that are remembered as
    /// expired.
    pub(super) sweep: Arc<str>,
    /// Deletes the rows at the addresses in `?1`, of which there are `?2`.
    pub(super) delete: Arc<str>,
    /// Of the addresses in `?1`, of which there are `?2`, those that are not claimed at `?3`.
    pub(super) settled: Arc<str>,
    /// Writes the ten columns of a row, if there is none at the address; else reads the row. No
    /// other statement runs on the connection in between. So `changes()` is the insertion's, and a
    /// row that the insertion has just written is not read.
    pub(super) claim: Arc<str>,
    /// Completes the claim at `?1` with the token `?2`, unless it is forgotten at `?6`, which is
    /// now: replayed until `?3`, forgotten at `?4`, with the record `?5`.
    pub(super) complete: Arc<str>,
    /// The same with numbers in digits, which returns a row where it has done so.
    pub(super) complete_within: Arc<str>,
    /// Reads the entries at the addresses from `?1` to `?2`.
    pub(super) beneath: Arc<str>,
    /// Reads the entries that are forgotten after the one that is forgotten at `?1` and has the
    /// address `?2`; records of `?3` bytes at most.
    pub(super) walk: Arc<str>,
    // Writes 1, 2, 4 … rows and commits.
    put: Vec<Arc<str>>,
}

pub(super) const COMMIT: &str = "COMMIT";

/// Splits a value that holds many addresses, so that one statement serves any number of them.
const ADDRESSES: &str =
    "WITH RECURSIVE place(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM place WHERE i + 1 < ?2)";
const ADDRESS: &str = "substr(?1, place.i * 32 + 1, 32)";

/// The columns of a row except its record, in the order in which
/// [`rows::entry`](super::rows::entry) reads them.
const COLUMNS: &str = "address, fingerprint, token, state, attempt, until, retention, forget_at, label";

impl Sql {
    pub(super) fn new(table: &str) -> Self {
        Sql {
            begin: format!(
                "BEGIN IMMEDIATE; {ADDRESSES} \
                 SELECT place.i, fingerprint, token, state, attempt, until, retention, forget_at, label, \
                 record FROM place CROSS JOIN \"{table}\" ON address = {ADDRESS}"
            )
            .into(),
            sweep: format!(
                "DELETE FROM \"{table}\" WHERE id IN \
                 (SELECT id FROM \"{table}\" WHERE forget_at <= ?1 ORDER BY forget_at LIMIT {SWEPT}); \
                 UPDATE \"{table}\" SET state = 3, record = NULL WHERE id IN \
                 (SELECT id FROM \"{table}\" WHERE state = 2 AND until < forget_at AND until <= ?1 \
                 ORDER BY until LIMIT {SWEPT})"
            )
            .into(),
            delete: format!(
                "DELETE FROM \"{table}\" WHERE address IN ({ADDRESSES} SELECT {ADDRESS} FROM place)"
            )
            .into(),
            settled: format!(
                "{ADDRESSES} SELECT place.i FROM place LEFT JOIN \"{table}\" ON address = {ADDRESS} \
                 WHERE state IS NOT 0 OR forget_at <= ?3"
            )
            .into(),
            claim: format!(
                "INSERT INTO \"{table}\" \
                 ({COLUMNS}, record) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (address) DO NOTHING; \
                 SELECT {COLUMNS}, record FROM \"{table}\" WHERE changes() = 0 AND address = ?1"
            )
            .into(),
            complete: complete(table, |place| format!("?{place}")).into(),
            complete_within: {
                let complete = complete(table, |place| format!("CAST(?{place} AS INTEGER)"));
                format!("{complete} RETURNING x'' AS answer").into()
            },
            beneath: format!("SELECT {COLUMNS}, record FROM \"{table}\" WHERE address BETWEEN ?1 AND ?2")
                .into(),
            walk: format!(
                "SELECT {COLUMNS}, CASE WHEN length(record) <= ?3 THEN record ELSE x'' END \
                 FROM \"{table}\" WHERE forget_at >= ?1 AND (forget_at > ?1 OR address > ?2) \
                 ORDER BY forget_at, address LIMIT {WALKED}"
            )
            .into(),
            put: (0..=MOST.ilog2()).map(|power| put(table, 1 << power).into()).collect(),
        }
    }

    /// Statement that writes up to `rows` rows, at most [`MOST`], and commits. Places that are not
    /// bound write no row, so a few texts serve every number of rows.
    pub(super) fn put(&self, rows: usize) -> Arc<str> {
        let power = rows.next_power_of_two().ilog2() as usize;
        Arc::clone(&self.put[power])
    }
}

/// Completes a claim, with numbers that are bound as `number` says.
fn complete(table: &str, number: impl Fn(usize) -> String) -> String {
    let (until, forget_at, now) = (number(3), number(4), number(6));
    format!(
        "UPDATE \"{table}\" SET state = 2, until = {until}, retention = 0, forget_at = {forget_at}, record = ?5 \
         WHERE address = ?1 AND token = ?2 AND state = 0 AND forget_at > {now}"
    )
}

fn put(table: &str, rows: usize) -> String {
    let values = vec!["(?,?,?,?,?,?,?,?,?,?)"; rows].join(",");
    format!(
        "INSERT INTO \"{table}\" \
         ({COLUMNS}, record) \
         SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL \
         ON CONFLICT (address) DO UPDATE SET fingerprint = excluded.fingerprint, token = excluded.token, \
         state = excluded.state, attempt = excluded.attempt, until = excluded.until, \
         retention = excluded.retention, forget_at = excluded.forget_at, \
         label = excluded.label, record = excluded.record; COMMIT"
    )
}
