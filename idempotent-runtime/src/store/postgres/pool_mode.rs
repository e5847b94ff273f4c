//! Time for which sessions of the server are lent.

/// Time for which a connection of the store keeps its session on the server.
///
/// Poolers call it `pool_mode`. The store recognises it when it is built. Where that goes wrong,
/// [`PostgresStoreBuilder::pool_mode`](super::PostgresStoreBuilder::pool_mode) says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as the connection is open: the server itself, or a pooler in session mode.
    Session,
    /// One transaction: PgBouncer in transaction mode, as Supabase and Neon run it, and poolers
    /// like it. The next transaction may be in another session, and this session is lent to others.
    Transaction,
}
