//! Errors of the server, and what they say of a statement or of setting the store up.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::store::SetupError;

/// The store's name.
pub(super) const NAME: &str = "postgres";

/// Fate of a statement that was answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing was done: somebody else has locked a row.
    Locked,
    /// Nothing was done: there is no room for a row.
    Full,
    /// Nothing was done: the server has taken it back.
    TakenBack,
    /// It may have been done.
    Unknown,
}

impl Fate {
    /// The fate of the statement that ended with `error`.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        error.map_or(Fate::Unknown, |error| Fate::by(error.severity(), error.code()))
    }

    /// An error leaves its session as it was. Where the server ends the connection it may have
    /// committed before. So it may where somebody between answers for a server that was lost: a
    /// pooler, with an error of class 08 (connection exception) or with
    /// statement_completion_unknown.
    fn by(severity: PgSeverity, code: &str) -> Self {
        match (severity, code) {
            // lock_not_available, deadlock_detected
            (_, "55P03" | "40P01") => Fate::Locked,
            (PgSeverity::Error, "40003") => Fate::Unknown,
            (PgSeverity::Error, code) if code.starts_with("08") => Fate::Unknown,
            // disk_full
            (PgSeverity::Error, "53100") => Fate::Full,
            (PgSeverity::Error, _) => Fate::TakenBack,
            _ => Fate::Unknown,
        }
    }
}

/// True where the connection is gone, the server is about to go, or the server is no longer the one
/// that writes.
pub(super) fn has_gone(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "25006"),
        _ => false,
    }
}

/// The error for a server that does not answer.
pub(super) fn timed_out(what: &str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{what} took too long")))
}

pub(super) fn unreachable(error: sqlx::Error) -> SetupError {
    SetupError::unreachable(NAME, error)
}

/// The server's refusal in its own words; any other error says that the server cannot be reached.
pub(super) fn refused(error: sqlx::Error) -> SetupError {
    match error {
        sqlx::Error::Database(refusal) => SetupError::setting(NAME, format!("the server refuses: {refusal}")),
        error => unreachable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_leaves_its_session_has_taken_the_statement_back() {
        for code in ["23505", "22012", "25006", "40001", "42501", "57014", "P0001", "XX000"] {
            assert_eq!(Fate::by(PgSeverity::Error, code), Fate::TakenBack, "{code}");
        }
        assert_eq!(Fate::by(PgSeverity::Error, "53100"), Fate::Full);
        for code in ["55P03", "40P01"] {
            assert_eq!(Fate::by(PgSeverity::Error, code), Fate::Locked, "{code}");
        }
    }

    #[test]
    fn an_error_of_a_connection_says_nothing_of_the_statement_whoever_answers_with_it() {
        for code in ["08000", "08001", "08003", "08004", "08006", "08007", "08P01", "40003"] {
            assert_eq!(Fate::by(PgSeverity::Error, code), Fate::Unknown, "{code}");
        }
        for severity in [PgSeverity::Fatal, PgSeverity::Panic] {
            for code in ["08006", "53100", "57P01", "57P02", "57P05", "XX000"] {
                assert_eq!(Fate::by(severity, code), Fate::Unknown, "{severity:?} {code}");
            }
        }
    }
}
