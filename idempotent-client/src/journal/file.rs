use std::{
    ffi::OsStr,
    fmt::{self, Write as _},
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{self, Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{BoxError, Journal, entry};
use crate::Key;

/// A name is twice as long in hexadecimal, and file systems end at 255.
const LONGEST_NAME: usize = 100;

/// A draft is there for an instant. One this old is of a process that was killed meanwhile.
const OLD: Duration = Duration::from_secs(3600);

/// A [`Journal`] in a folder of its own: one small file per operation. Several processes of one
/// machine may share the folder.
///
/// Names may have 1 to 100 bytes. The file system has to know hard links, which Unix's and NTFS do.
///
/// Each file carries a checksum over its operation and its key. A file that is damaged, cut or
/// another operation's is an error that names the file, and nothing is sent: the key in it may have
/// been sent before, and a new key could have a second effect. Find out whether the operation took
/// effect. Then remove the file, or [`forget`](Journal::forget) the operation.
#[derive(Clone, Debug)]
pub struct FileJournal {
    folder: Arc<Path>,
}

impl FileJournal {
    /// The journal in `folder`, which is made where it does not exist. The call blocks for a
    /// moment.
    ///
    /// # Errors
    /// If the folder can't be made, read or synced. The text names the path, the source says
    /// why.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        // A process that changes its folder later still means this one.
        let folder = path::absolute(&folder).map_err(failed("find", folder.as_ref()))?;
        make(&folder)?;
        remove_old_drafts(&folder)?;
        Ok(FileJournal { folder: folder.into() })
    }

    fn file(&self, operation: &str) -> io::Result<PathBuf> {
        if !(1..=LONGEST_NAME).contains(&operation.len()) {
            let text =
                format!("an operation's name has 1 to {LONGEST_NAME} bytes, this one {}", operation.len());
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let name = operation.bytes().fold(String::new(), |mut name, byte| {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
        Ok(self.folder.join(name))
    }
}

impl Journal for FileJournal {
    async fn load_or_insert(&self, operation: &str, fresh: Key) -> Result<Key, BoxError> {
        let (folder, file) = (Arc::clone(&self.folder), self.file(operation)?);
        let operation = operation.to_owned();
        Ok(spawn_blocking(move || load_or_insert(&folder, &file, &operation, fresh)).await??)
    }

    async fn forget(&self, operation: &str) -> Result<(), BoxError> {
        let (folder, file) = (Arc::clone(&self.folder), self.file(operation)?);
        Ok(spawn_blocking(move || forget(&folder, &file)).await??)
    }
}

/// Makes the folder and what is missing above it, and syncs what they are entered in.
fn make(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !folder.exists()).count();
    fs::create_dir_all(folder).map_err(failed("make", folder))?;
    let mut entered_in = folder.ancestors().skip(1);
    entered_in.by_ref().take(missing).try_for_each(sync)?;
    // Another process may have made the last of these folders just now, so the folder above it is
    // synced too. The owner of that one may forbid it, and then answers for it.
    if let Some(found_in) = entered_in.next() {
        let _ = sync(found_in);
    }
    Ok(())
}

/// Loads the key of `operation`, or inserts `fresh`. The folder is synced before a key is given
/// out: another process may have put that key there only just now.
fn load_or_insert(folder: &Path, file: &Path, operation: &str, fresh: Key) -> io::Result<Key> {
    let key = match read(file, operation) {
        Err(error) if error.kind() == ErrorKind::NotFound => insert(file, operation, fresh)?,
        found => found?,
    };
    sync(folder)?;
    Ok(key)
}

/// Reads the key of `operation` from its file. A damaged file is an error and never a new key: the
/// old key may have been used.
fn read(file: &Path, operation: &str) -> io::Result<Key> {
    let damaged = |error| io::Error::new(ErrorKind::InvalidData, error);
    let key = fs::read(file).and_then(|text| entry::read(operation, &text).map_err(damaged));
    key.map_err(failed("read", file))
}

/// Puts `fresh` there by a link. The link is made only where there is none yet, and to a file that
/// is whole: nobody ever sees half a key, or a second one.
fn insert(file: &Path, operation: &str, fresh: Key) -> io::Result<Key> {
    let draft = file.with_extension(Uuid::now_v7().simple().to_string());
    let linked =
        write_synced(&draft, &entry::write(operation, &fresh)).and_then(|()| fs::hard_link(&draft, file));
    // One that stays is removed when it is old.
    let _ = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(file, operation),
        linked => linked.map(|()| fresh).map_err(failed("write", file)),
    }
}

fn remove_old_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        let is_old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > OLD);
        // One that another process has just removed is gone.
        if is_draft(&path) && fs::metadata(&path).and_then(|file| file.modified()).is_ok_and(is_old) {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// True where `path` has a name as [`insert`] gives to drafts: other files are not the journal's to
/// remove.
fn is_draft(path: &Path) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let part =
        |part: Option<&OsStr>| part.and_then(OsStr::to_str).filter(|text| is_hex(text)).map_or(0, str::len);
    let (operation, draft) = (part(path.file_stem()), part(path.extension()));
    (2..=2 * LONGEST_NAME).contains(&operation) && operation % 2 == 0 && draft == 32
}

fn write_synced(file: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn forget(folder: &Path, file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", file)(error)),
        _ => sync(folder),
    }
}

/// Elsewhere a folder can't be opened, and its entries are the file system's own affair.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))
    } else {
        Ok(())
    }
}

/// Makes an error of the same kind that says what could not be done, and to what.
fn failed(verb: &'static str, path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |source| io::Error::new(source.kind(), Failed { verb, path: path.to_owned(), source })
}

#[derive(Debug)]
struct Failed {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.verb, self.path.display())
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
