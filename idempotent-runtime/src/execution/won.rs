//! A claim that has been won: its work is to be run.

use super::{execute::execute, job::Won, takeover::take_over, work::Work};
use crate::{observe::warnings, reason::Reason};

impl<W: Work> Won<W> {
    /// Notes that its work is about to run.
    pub(super) fn begins(mut self) -> Self {
        self.job.event.begins(self.number);
        if self.number > 1 {
            let (handler, endpoint) = (self.job.policy.name(), self.job.origin.endpoint());
            warnings::taken_over(handler, endpoint, self.hold.address, self.number);
        }
        self
    }

    /// Runs the work, unless the application decides otherwise about an execution that died.
    #[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
    pub(super) fn run(self) -> impl Future<Output = Result<W::Output, Reason>> {
        async move {
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            if self.job.policy.transaction {
                return Box::pin(W::run_in_transaction(self)).await;
            }
            if self.number > 1 && W::is_reconciled(&self.job.app.0) {
                return Box::pin(take_over(self)).await;
            }
            Ok(execute(self).await)
        }
    }
}
