//! List of a store's verbs that wait for an answer. All that passes them on is made of this list.

/// Calls the macro `$each` with the signature of every verb.
macro_rules! verbs {
    ($each:ident) => {
        $each! {
            claim(request: ClaimRequest) -> Claim;
            claim_for_transaction(request: ClaimRequest) -> Claim;
            renew(hold: Hold, lease: Duration) -> Renewal;
            complete(hold: Hold, record: Record, retention: Retention) -> Completion;
            release(hold: Hold) -> ();
            resolve(request: ResolveRequest) -> Resolve;
            inspect(address: Address) -> Option<Inspection>;
            forget(request: ForgetRequest) -> Forget;
            stuck(request: StuckRequest) -> Stuck;
        }
    };
}

pub(crate) use verbs;
