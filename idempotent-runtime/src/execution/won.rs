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

    /// True where the work is run, whatever the application may say, and in no transaction.
    pub(super) fn is_usual(&self) -> bool {
        self.number == 1 && !self.job.policy.transaction
    }

    /// Runs the work, in a transaction if its policy says so, unless the application decides
    /// otherwise about an execution that died.
    pub(super) async fn run_otherwise(self) -> Result<W::Output, Reason> {
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        if self.job.policy.transaction {
            return Box::pin(W::run_in_transaction(self)).await;
        }
        if self.number > 1 && W::is_reconciled(&self.job.app.0) {
            return Box::pin(take_over(self)).await;
        }
        Ok(Box::pin(execute(self)).await)
    }
}
