//! Everything that is logged in this process, by anybody and at any level.

use std::{
    fmt::{self, Write},
    sync::{Mutex, Once, PoisonError},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

static LOG: Mutex<String> = Mutex::new(String::new());

/// Hears everything from now on.
pub(crate) fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| tracing::subscriber::set_global_default(Everything).unwrap());
}

/// The lines that have been logged.
pub(crate) fn lines() -> Vec<String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).lines().map(str::to_owned).collect()
}

fn log(text: &str) {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
}

/// Hears everything: a line an event, and what spans hold.
struct Everything;

/// One line.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = Line("span".to_owned());
        span.record(&mut line);
        log(&(line.0 + "\n"));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut line = Line("span".to_owned());
        values.record(&mut line);
        log(&(line.0 + "\n"));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        log(&(line.0 + "\n"));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
