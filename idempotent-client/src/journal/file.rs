use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{BoxError, Journal};

/// A name is twice as long in hexadecimal, and file systems end at 255.
const LONGEST_NAME: usize = 100;

/// A draft is there for an instant. One this old is of a process that was killed meanwhile.
const OLD: Duration = Duration::from_secs(3600);

/// A [`Journal`] in a folder of its own: one small file an operation, which several processes of one machine may share.
///
/// Names may have 1 to 100 bytes. The file system has to know hard links, which Unix's and NTFS do.
#[derive(Clone, Debug)]
pub struct FileJournal {
    folder: Arc<Path>,
}

impl FileJournal {
    /// The journal in `folder`, which is made where it does not exist. It blocks for a moment.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
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
    async fn load_or_insert(&self, operation: &str, fresh: String) -> Result<String, BoxError> {
        let (folder, file) = (Arc::clone(&self.folder), self.file(operation)?);
        Ok(spawn_blocking(move || load_or_insert(&folder, &file, fresh)).await??)
    }

    async fn forget(&self, operation: &str) -> Result<(), BoxError> {
        let (folder, file) = (Arc::clone(&self.folder), self.file(operation)?);
        Ok(spawn_blocking(move || forget(&folder, &file)).await??)
    }
}

/// The folder is synced before a key is given out that another process may have only just put there, too.
fn load_or_insert(folder: &Path, file: &Path, fresh: String) -> io::Result<String> {
    let key = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => insert(file, fresh)?,
        found => found?,
    };
    sync(folder)?;
    Ok(key)
}

/// A link is made only where there is none yet, to a file that is whole: nobody ever sees half a key, or a second one.
fn insert(file: &Path, fresh: String) -> io::Result<String> {
    let draft = file.with_extension(Uuid::now_v7().simple().to_string());
    write_synced(&draft, &fresh)?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read_to_string(file),
        linked => linked.map(|()| fresh),
    }
}

fn remove_old_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > OLD);
        // One that another process has just removed is gone.
        if is_draft(&path) && fs::metadata(&path).and_then(|file| file.modified()).is_ok_and(is_old) {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// Whether it has a name as [`insert`] gives to drafts: other files are not the journal's to remove.
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
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => sync(folder),
    }
}

/// Elsewhere a folder can't be opened, and its entries are the file system's own affair.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
