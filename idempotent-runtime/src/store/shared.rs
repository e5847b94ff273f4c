//! A store behind an `Arc`, which is a store too: each verb is passed on.

use std::{any::Any, sync::Arc, time::Duration};

use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, Store, StoreError, Stuck, StuckRequest, Token, verbs::verbs,
};
use crate::request::{Address, RequestFingerprint};

macro_rules! share {
    ($($verb:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// A shared store is a store.
        impl<S: Store> Store for Arc<S> {
            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
                (**self).recall(address, fingerprint)
            }

            fn token(&self) -> Result<Token, StoreError> {
                (**self).token()
            }

            fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
                (**self).transactions()
            }

            fn claim_now(&self, request: &ClaimRequest) -> Option<Result<Claim, StoreError>> {
                (**self).claim_now(request)
            }

            fn complete_now(
                &self,
                hold: &Hold,
                record: &Record,
                retention: Retention,
            ) -> Option<Result<Completion, StoreError>> {
                (**self).complete_now(hold, record, retention)
            }

            fn memory(&self) -> Option<&(dyn Any + Send + Sync)> {
                (**self).memory()
            }

            async fn changed(&self, address: Address) {
                (**self).changed(address).await;
            }

            $(async fn $verb(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                (**self).$verb($($argument),*).await
            })*
        }
    };
}

verbs!(share);
