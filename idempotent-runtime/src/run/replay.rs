//! Replays of recorded responses.

use actix_web::HttpResponse;

use crate::{
    reason::{Code, Reason},
    response::record::{self, Recorded},
    store::Record,
};

/// Response that a record holds, marked as a replay, or the reason why it holds none.
pub(super) fn replay(record: &Record) -> Result<HttpResponse, Reason> {
    match record::read(record) {
        Ok(Recorded::Response(replay)) => Ok(replay.into_response()),
        Ok(Recorded::NotStored) => Err(Code::ResponseNotStored.into()),
        Ok(Recorded::Unknown) => Err(Code::OutcomeUnknown.into()),
        Err(error) => {
            tracing::error!(%error, "a record cannot be read");
            Err(Code::OutcomeUnknown.into())
        }
    }
}
