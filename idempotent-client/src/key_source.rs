use http::{HeaderMap, Method};
use reqwest::Request;

use crate::{Builder, Key, Operation, error::NotSent};

type Result<T> = std::result::Result<T, NotSent>;

const NO_JOURNAL: &str = "there is no journal, which Idempotent::builder().journal(…) sets";

/// True for a method whose requests get a key.
pub(crate) fn is_keyed(method: &Method) -> bool {
    [Method::POST, Method::PATCH].contains(method)
}

/// Refuses an operation on a request that gets no key: its caller would believe that it has one.
pub(crate) fn check_unkeyed(method: &Method, operation: Option<&Operation>) -> Result<()> {
    operation.map_or(Ok(()), |operation| {
        Err(NotSent::new(format!(
            "operation {operation} is on a {method}, and only POST and PATCH get a key"
        )))
    })
}

impl Builder {
    /// The key that `request` goes with: the one it has, or one that it is given here.
    pub(crate) async fn key_of(&self, request: &mut Request, operation: Option<&Operation>) -> Result<Key> {
        match (self.own_key(request.headers())?, operation) {
            (Some(own), None) => Ok(own),
            (Some(_), Some(operation)) => Err(NotSent::new(format!(
                "operation {operation} is on a request that already has an {}; only one of them is allowed",
                self.header
            ))),
            (None, Some(operation)) => self.set_key(request, self.kept_key(operation).await?),
            (None, None) => self.set_key(request, Key::fresh()),
        }
    }

    /// Key that the caller has set by hand.
    fn own_key(&self, headers: &HeaderMap) -> Result<Option<Key>> {
        let mut lines = headers.get_all(&self.header).iter();
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        if lines.next().is_some() {
            return Err(NotSent::new(format!("the request has {} more than once", self.header)));
        }
        let key = self.form.read(line);
        key.map(Some).map_err(|error| NotSent::because(format!("the {} is no key", self.header), error))
    }

    async fn kept_key(&self, operation: &Operation) -> Result<Key> {
        let why = || format!("the key of operation {operation} is not kept");
        let journal = self.journal.as_deref().ok_or_else(|| NotSent::because(why(), NO_JOURNAL))?;
        let kept = journal.load_or_insert(operation.name(), Key::fresh()).await;
        kept.map_err(|error| NotSent::because(why(), error))
    }

    fn set_key(&self, request: &mut Request, key: Key) -> Result<Key> {
        let written = self.form.write(&key);
        let value =
            written.map_err(|error| NotSent::because(format!("no {} can be written", self.header), error))?;
        request.headers_mut().insert(self.header.clone(), value);
        Ok(key)
    }
}
