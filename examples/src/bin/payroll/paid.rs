//! Salaries that have been paid: a file with one line per salary.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

/// The file, and the names that it held when it was opened.
pub(crate) struct Paid {
    names: HashSet<String>,
    file: Mutex<File>,
}

impl Paid {
    /// Opens the file, and makes it where it does not exist. A line that was cut off while it was
    /// written does not count, and is removed.
    pub(crate) fn open(path: &Path) -> io::Result<Paid> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let names = whole.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_len(whole.len() as u64)?;
        Ok(Paid { names, file: Mutex::new(file) })
    }

    /// True where `name` had been paid when the file was opened.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Writes down that `name` is paid, and returns when that is safe on disk.
    pub(crate) fn write(&self, name: &str, answer: &Value) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{name} {answer}\n").as_bytes())?;
        file.sync_data()
    }
}
