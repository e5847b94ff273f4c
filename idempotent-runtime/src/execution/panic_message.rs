//! Words of a panic.

/// Message of a panic that was caught.
pub(crate) fn message(panicked: &(dyn std::any::Any + Send)) -> &str {
    let text = panicked.downcast_ref::<&str>().copied();
    text.or_else(|| panicked.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
