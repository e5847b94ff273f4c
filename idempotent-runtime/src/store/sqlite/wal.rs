//! SQLite's write-ahead log: who moves its content into the file, and when commits do.

/// Name of SQLite's setting: the length of the log, in pages, at which a commit moves it.
pub(super) const CHECKPOINT_LIMIT: &str = "wal_autocheckpoint";
/// Value of the setting where the log is moved beside commits. It is reached only where this
/// process writes so much faster, or by commits of other processes.
pub(super) const LONGEST_LOG: &str = "108000";
/// Value of the setting by default.
pub(super) const DEFAULT_LOG: &str = "1000";

/// Part of the store that moves the log into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoints {
    /// A connection of its own, while commits go on.
    Beside,
    /// The commits themselves.
    ByCommits,
}

/// True where SQLite of this version loses nothing when the log is moved beside commits.
///
/// Before 3.51.3 a commit that began the log anew during the move could be taken for moved itself
/// (SQLite's documents call it the WAL-reset bug).
pub(super) fn is_moved_safely_by(version: &str) -> bool {
    const FIXED: [u32; 3] = [3, 51, 3];
    version.split('.').map_while(|number| number.parse::<u32>().ok()).ge(FIXED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_moved_beside_commits_only_by_a_sqlite_that_loses_none() {
        for (version, is_safe) in [
            ("3.51.2", false),
            ("3.9.10", false),
            ("3", false),
            ("", false),
            ("3.51.3", true),
            ("3.51.10", true),
            ("3.52.0", true),
            ("4.0.0", true),
        ] {
            assert_eq!(is_moved_safely_by(version), is_safe, "{version}");
        }
    }
}
