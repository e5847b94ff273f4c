//! Ends keys by hand that nothing else ends: an operator says what became of a request.

use std::time::Duration;

use actix_web::http::StatusCode;

use super::EntryRef;
use crate::{
    engine::{Idempotency, Settings},
    reconcile::Resolution,
    record,
    request::Address,
    response::{
        capture::{Captured, capture},
        content::is_recordable,
        record::{is_final, of_response},
    },
    store::{CallError, Record, Resolve, ResolveRequest, StoreError},
};

/// Result of [`Idempotency::resolve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Resolved {
    /// The entry has ended as was asked.
    Done,
    /// There is no such entry: nobody has used the key, or it is free again. Nothing was done.
    NotFound,
    /// The request runs, as far as anybody knows. Nothing was done.
    Running {
        /// Time until the request would be given up, unless its process goes on renewing its lease.
        lease_left: Duration,
    },
    /// The request has its outcome: a response, or that there is none to be replayed. Nothing was
    /// done.
    Settled,
}

/// Reason that an entry could not be ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The key is not valid. Nothing was done.
    #[error("there cannot be such a key: {0}")]
    Key(&'static str),
    /// [`Resolution::Later`] decides nothing, so nothing was done.
    #[error("`Resolution::Later` decides nothing")]
    Later,
    /// The response cannot be recorded. Nothing was done.
    #[error(
        "the response or value cannot be recorded: it is an event stream, it failed, or it is longer than `max_response_body`"
    )]
    Response,
    /// The response has a body that its status does not allow, or its status is no outcome. Nothing
    /// was done.
    #[error(
        "a response of status {0} cannot be recorded so: 204, 205 and 304 have no body, and 1xx is no outcome"
    )]
    Status(StatusCode),
    /// The store failed, or cannot end entries by hand. Unless the error is
    /// [`StoreError::NotDone`], the entry may have been ended, and asking again tells.
    #[error("the entry could not be ended")]
    Store(#[from] StoreError),
}

/// Greatest number of times that the record of an entry may have changed when it is to be replaced.
const TRIES: usize = 8;

impl Idempotency {
    /// Ends a key by hand whose outcome is unknown: for an operator who has found out what became
    /// of the request.
    ///
    /// With [`Rerun`](Resolution::Rerun) the key is free, and the next request with it runs as a
    /// first attempt, with any body. With [`Refuse`](Resolution::Refuse) the key is
    /// `outcome_unknown`, also under `abandoned = "rerun"`, and `reconcile` is not asked. With
    /// [`Complete`](Resolution::Complete) every retry gets that response as a replay, with any
    /// status; of an operation of [`once`](Self::once) [`Value`](Resolution::Value) is the value.
    ///
    /// This is done only where nobody runs the request any more and no outcome is recorded. That is
    /// so where the execution was found dead, where its lease has run out, and where the record
    /// says that nothing is known, or cannot be read. Otherwise the entry stays as it is, and the
    /// answer says why. The new record is kept for as long as the store would have remembered the
    /// entry: `ttl` after the lease's end.
    ///
    /// ```
    /// use actix_web::{HttpResponse, http::Method};
    /// use idempotent_runtime::{EntryName, Idempotency, Resolution, Resolved};
    ///
    /// # async fn resolve() -> Result<(), Box<dyn std::error::Error>> {
    /// # let idempotency = Idempotency::builder().build()?;
    /// // The payment service says that order 7 was paid.
    /// let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    /// let entry = EntryName::endpoint(Method::POST, "/orders", key);
    /// let response = HttpResponse::Created().body(r#"{"order": 7}"#);
    /// match idempotency.resolve(&entry, Resolution::Complete(response)).await? {
    ///     Resolved::Done => println!("whoever asks again gets this response"),
    ///     not_done => println!("nothing to do: {not_done:?}"),
    /// }
    /// # Ok(()) }
    /// # actix_web::rt::System::new().block_on(resolve()).unwrap();
    /// ```
    ///
    /// # What to know
    ///
    /// - It is one atomic step of the store. Of two operators, or of an operator and an execution
    ///   that claims or completes the key, one comes first and the other is told so. It ends any
    ///   entry that has no outcome when it comes. Where executions that died are run again, that
    ///   may be a later attempt than the one that you looked at.
    /// - An execution that only seemed to have died loses its claim by this. It cannot record
    ///   anything, and begins no checkpoint. Its client gets the response that was recorded here.
    ///   Its other effects still happen.
    /// - Steps that were recorded with [`checkpoint`](crate::IdempotencyContext::checkpoint) stay:
    ///   a request with the same body that is run again finds them, and its derived keys are the
    ///   same. [`forget`](Self::forget) drops them.
    /// - All processes on the store see it with the next request: no `local_cache` holds an entry
    ///   that this can end.
    /// - It may be called while the process drains, and on any process that has the store and the
    ///   namespace, with or without a server. A record that a newer release has written cannot be
    ///   read by an older one: let the newest one do it.
    ///
    /// # Errors
    /// A key or a response that cannot be recorded, and an error of the store: a store of the
    /// application's own may not have [`Store::resolve`](crate::Store::resolve).
    pub async fn resolve<'a>(
        &self,
        entry: impl Into<EntryRef<'a>>,
        resolution: Resolution,
    ) -> Result<Resolved, ResolveError> {
        let settings = &self.0.settings;
        let address = entry.into().address_of_a_key(settings).map_err(ResolveError::Key)?;
        let asked = resolution.name();
        let outcome = resolution.record(settings).await?;
        let resolved = self.end(address, outcome).await?;
        tracing::info!(%address, asked, ?resolved, "an entry was to be ended by hand");
        Ok(resolved)
    }

    /// Ends the entry, also where its record says that nothing is known. Then that record is
    /// replaced, and no other that may have come in between.
    async fn end(&self, address: Address, outcome: Option<Record>) -> Result<Resolved, StoreError> {
        let store = &self.0.store;
        let token = store.token().map_err(CallError::into_error)?;
        let mut request = ResolveRequest { address, token, instead_of: None, outcome };
        for _ in 0..TRIES {
            match store.resolve(request.clone()).await.map_err(CallError::into_error)? {
                Resolve::Done => return Ok(Resolved::Done),
                Resolve::Vacant => return Ok(Resolved::NotFound),
                Resolve::Running { lease_left } => return Ok(Resolved::Running { lease_left }),
                Resolve::Expired => return Ok(Resolved::Settled),
                Resolve::Completed(record) if is_final(&record) => return Ok(Resolved::Settled),
                Resolve::Completed(record) if request.outcome.as_ref() == Some(&record) => {
                    return Ok(Resolved::Done);
                }
                Resolve::Completed(record) => request.instead_of = Some(record),
            }
        }
        Err(StoreError::not_done(store.name(), "the entry was another one each time"))
    }
}

impl Resolution {
    fn name(&self) -> &'static str {
        match self {
            Resolution::Rerun => "rerun",
            Resolution::Refuse => "refuse",
            Resolution::Later => "later",
            Resolution::Complete(_) => "complete",
            Resolution::Value(_) => "value",
        }
    }

    /// Record of the resolution, if there is one.
    pub(crate) async fn record(self, settings: &Settings) -> Result<Option<Record>, ResolveError> {
        match self {
            Resolution::Rerun => Ok(None),
            Resolution::Refuse => Ok(Some(record::of_unknown())),
            Resolution::Later => Err(ResolveError::Later),
            Resolution::Value(value) => {
                let json = value.to_string();
                let fits = json.len() <= settings.max_response_body;
                fits.then(|| Some(record::of_value(json.as_bytes()))).ok_or(ResolveError::Response)
            }
            Resolution::Complete(response) if !is_recordable(&response) => {
                Err(ResolveError::Status(response.status()))
            }
            Resolution::Complete(response) => match capture(response, settings.max_response_body).await {
                Captured::Whole(head, body) => {
                    let (status, headers) = (head.status(), head.headers());
                    Ok(Some(of_response(status, headers, settings.replay_set_cookie, body.as_ref())))
                }
                Captured::Passing(_) => Err(ResolveError::Response),
            },
        }
    }
}
