//! A subscriber that keeps what it is told.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::Write,
    sync::{Arc, Mutex},
};

use idempotent_tests::subscribers::hear_every_thread;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::{
    Layer, Registry,
    fmt::format::FmtSpan,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use crate::gate::within;

/// Fields and their values. An event's text is its `message`.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// Spans that have closed, events that were logged, and all that a log would show of them.
#[derive(Debug)]
pub(crate) struct Collector {
    closed: UnboundedReceiver<Fields>,
    events: UnboundedReceiver<Logged>,
    output: Output,
    dispatch: Dispatch,
}

/// An event and the spans in which it stands, from the outermost to the innermost: their names, and
/// the fields that they have by then.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) message: String,
    pub(crate) spans: Vec<(&'static str, Fields)>,
}

impl Collector {
    /// Looks at everything down to this level.
    pub(crate) fn looking_at(level: LevelFilter) -> Collector {
        Collector::writing(level, FmtSpan::FULL)
    }

    /// The same, with the log of a subscriber that was told nothing else.
    pub(crate) fn without_span_events(level: LevelFilter) -> Collector {
        Collector::writing(level, FmtSpan::NONE)
    }

    fn writing(level: LevelFilter, spans: FmtSpan) -> Collector {
        hear_every_thread();
        let ((close, closed), (log, events)) = (unbounded_channel(), unbounded_channel());
        let output = Output::default();
        let written = output.clone();
        let text = tracing_subscriber::fmt::layer()
            .with_span_events(spans)
            .with_ansi(false)
            .with_writer(move || written.clone());
        let dispatch = Registry::default().with(level).with(Keeping { close, log }).with(text).into();
        Collector { closed, events, output, dispatch }
    }

    /// Function that makes a thread tell this collector, and no other, from then on.
    pub(crate) fn installer(&self) -> impl Fn() + Clone + Send + 'static {
        let dispatch = self.dispatch.clone();
        // For as long as the thread lives.
        move || std::mem::forget(tracing::dispatcher::set_default(&dispatch))
    }

    /// The next span of a request that closes.
    pub(crate) async fn closed(&mut self) -> Fields {
        within(self.closed.recv()).await.unwrap()
    }

    /// All spans of requests that have closed and were not looked at yet.
    pub(crate) fn all_closed(&mut self) -> Vec<Fields> {
        std::iter::from_fn(|| self.closed.try_recv().ok()).collect()
    }

    /// The next event with this text.
    pub(crate) async fn event(&mut self, message: &str) -> Logged {
        loop {
            let event = within(self.events.recv()).await.unwrap();
            if event.message == message {
                return event;
            }
        }
    }

    /// Everything, as a log would show it.
    pub(crate) fn output(&self) -> String {
        String::from_utf8(self.output.0.lock().unwrap().clone()).unwrap()
    }
}

#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Keeping {
    close: UnboundedSender<Fields>,
    log: UnboundedSender<Logged>,
}

#[derive(Default)]
struct Seen(Fields);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let before = self.0.insert(field.name(), format!("{value:?}"));
        assert_eq!(before, None, "{field} is recorded twice");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keeping {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut seen = Seen::default();
        attributes.record(&mut seen);
        context.span(id).unwrap().extensions_mut().insert(seen);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        values.record(context.span(id).unwrap().extensions_mut().get_mut::<Seen>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut text = Seen::default();
        event.record(&mut text);
        let spans = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let spans = spans.map(|span| {
            let fields = span.extensions().get::<Seen>().map(|seen| seen.0.clone());
            (span.name(), fields.unwrap())
        });
        let message = text.0.remove("message").unwrap_or_default();
        let _ = self.log.send(Logged { message, spans: spans.collect() });
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        if span.name() == "idempotent_request" {
            let Seen(fields) = span.extensions_mut().remove().unwrap();
            let _ = self.close.send(fields);
        }
    }
}
