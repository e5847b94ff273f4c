//! Replays of recorded responses.

use actix_web::HttpResponse;

use crate::{
    reason::{Reason, RefusalCode},
    response::record::{self, Recorded},
    store::Record,
};

/// Response that a record holds, marked as a replay, or the reason why it holds none.
pub(super) fn replay(record: &Record) -> Result<HttpResponse, Reason> {
    match record::read(record) {
        Ok(Recorded::Response(replay)) => Ok(replay.into_response()),
        Ok(Recorded::NotStored) => Err(RefusalCode::ResponseNotStored.into()),
        Ok(Recorded::Unknown) => Err(RefusalCode::OutcomeUnknown.into()),
        Err(error) => {
            tracing::error!(%error, "a record cannot be read");
            Err(RefusalCode::OutcomeUnknown.into())
        }
    }
}
