//! The mistakes of [`WrongStore`](crate::wrong_store::WrongStore).

/// Mistake of a store's author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing.
    None,
    /// A claim looks first, and writes later.
    CheckThenInsert,
    /// A completion does not ask whether the hold stands.
    UnfencedComplete,
    /// Completed entries live in a cache of this many.
    Forgetful(usize),
    /// An entry does not know which request it is for.
    IgnoresFingerprint,
    /// A claim repeated with its token is somebody else's.
    UnrepeatableClaim,
    /// A claim repeated with its token is kept as long as the first one said.
    KeepsFirstRetention,
    /// A hold stands until somebody else claims, whether or not its retention has ended.
    HoldsForGood,
    /// A completion that arrives alone takes a shorter way, where a hold stands for good.
    HoldsForGoodAlone,
    /// A completion repeated after its record has expired is fenced.
    FencesItsOwner,
    /// A completion repeated after its entry is forgotten is stored.
    StoredForGood,
    /// Waiters are not told of a release.
    SilentRelease,
    /// A record is recalled for any request, and for good.
    RecallsForGood,
    /// Claims are told apart by nothing.
    OneToken,
    /// A record by hand is recorded as the owner's.
    ResolvesForTheOwner,
    /// An entry that is completed is ended by hand, whatever is recorded.
    ResolvesAnyRecord,
    /// An entry that runs is forgotten like anything else.
    ForgetsWhatRuns,
    /// Any entry at the address is forgotten, whichever entry was meant.
    ForgetsAnyEntry,
    /// An entry that has been completed since it was seen is forgotten too.
    ForgetsLateRecords,
    /// An entry that is forgotten leaves its steps behind.
    ForgetsNoSteps,
    /// Entries are listed only where a claim has seen them to be dead.
    ListsWhatWasSeen,
    /// A look at what has lapsed abandons it.
    LooksLikeAClaim,
    /// A claim that takes another over is kept as long as that one.
    TakesOverItsRetention,
    /// A renewal prolongs the lease, and the claim is forgotten when it would have been.
    RenewsTheLeaseAlone,
    /// A key whose record is replaced by hand is not remembered after that record.
    RemembersNothingReplaced,
    /// A claim on what is forgotten and not yet deleted goes on counting attempts.
    CountsForgottenAttempts,
    /// A renewal of a lease that has run out is fenced.
    RenewsNothingLate,
    /// An entry forgets its endpoint when it is completed.
    LosesTheEndpoint,
    /// An entry that was taken over tells the endpoint that claimed first.
    KeepsTheFirstEndpoint,
    /// Stuck entries of all endpoints are listed, whichever is asked for.
    ListsEveryEndpoint,
    /// A record is replayed at the very end of its time.
    ReplaysAtTheEnd,
}
