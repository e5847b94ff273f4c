//! Stores of all types behind one pointer.

use std::{any::Any, pin::Pin, sync::Arc, time::Duration};

use super::{
    Claim, ClaimRequest, Completion, Forget, ForgetRequest, Hold, Inspection, Record, Renewal, Resolve,
    ResolveRequest, Retention, Store, StoreError, Stuck, StuckRequest, Token, verbs::verbs,
};
use crate::request::{Address, RequestFingerprint};

/// A call that can go on in a task of its own.
pub(super) type Call<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

macro_rules! erase {
    ($($verb:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// A store whose type is not known.
        pub(super) trait ErasedStore: Send + Sync {
            fn name(&self) -> &'static str;
            fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record>;
            fn token(&self) -> Result<Token, StoreError>;
            fn transactions(&self) -> Option<&(dyn Any + Send + Sync)>;
            fn memory(&self) -> Option<&(dyn Any + Send + Sync)>;
            fn claim_now(&self, request: &ClaimRequest) -> Option<Result<Claim, StoreError>>;
            fn complete_now(
                &self,
                hold: &Hold,
                record: &Record,
                retention: Retention,
            ) -> Option<Result<Completion, StoreError>>;
            fn changed(self: Arc<Self>, address: Address) -> Pin<Box<dyn Future<Output = ()> + Send>>;
            $(fn $verb(self: Arc<Self>, $($argument: $type),*) -> Call<$answer>;)*
        }

        impl<S: Store> ErasedStore for S {
            fn name(&self) -> &'static str {
                Store::name(self)
            }

            fn recall(&self, address: Address, fingerprint: RequestFingerprint) -> Option<Record> {
                Store::recall(self, address, fingerprint)
            }

            fn token(&self) -> Result<Token, StoreError> {
                Store::token(self)
            }

            fn transactions(&self) -> Option<&(dyn Any + Send + Sync)> {
                Store::transactions(self)
            }

            fn memory(&self) -> Option<&(dyn Any + Send + Sync)> {
                Store::memory(self)
            }

            fn claim_now(&self, request: &ClaimRequest) -> Option<Result<Claim, StoreError>> {
                Store::claim_now(self, request)
            }

            fn complete_now(
                &self,
                hold: &Hold,
                record: &Record,
                retention: Retention,
            ) -> Option<Result<Completion, StoreError>> {
                Store::complete_now(self, hold, record, retention)
            }

            fn changed(self: Arc<Self>, address: Address) -> Pin<Box<dyn Future<Output = ()> + Send>> {
                Box::pin(async move { Store::changed(&*self, address).await })
            }

            $(fn $verb(self: Arc<Self>, $($argument: $type),*) -> Call<$answer> {
                Box::pin(async move { Store::$verb(&*self, $($argument),*).await })
            })*
        }
    };
}

verbs!(erase);
