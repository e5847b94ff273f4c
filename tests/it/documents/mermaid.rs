//! The text of a sequence diagram, in a part of Mermaid's language.

/// One diagram.
pub(super) struct Diagram<'a> {
    pub(super) title: &'a str,
    pub(super) participants: Vec<Participant<'a>>,
    pub(super) steps: Vec<Step<'a>>,
}

pub(super) struct Participant<'a> {
    id: &'a str,
    pub(super) name: &'a str,
}

/// One step, with participants by their numbers.
pub(super) enum Step<'a> {
    Message { from: usize, to: usize, kind: Kind, text: Vec<&'a str> },
    Note { from: usize, to: usize, kind: Mood, text: Vec<&'a str> },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `->>`: a request.
    Request,
    /// `-->>`: the answer to one.
    Reply,
    /// `-x` or `--x`: a message that does not arrive.
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Calm,
    /// A note that begins with `✕`: something dies or fails.
    Failure,
}

const ARROWS: [(&str, Kind); 4] =
    [("-->>", Kind::Reply), ("--x", Kind::Lost), ("->>", Kind::Request), ("-x", Kind::Lost)];

impl<'a> Diagram<'a> {
    /// Reads a diagram. Panics at a line that is not of this language.
    pub(super) fn parse(source: &'a str) -> Self {
        let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
        assert_eq!(lines.next(), Some("sequenceDiagram"));
        let mut diagram = Diagram { title: "", participants: Vec::new(), steps: Vec::new() };
        for line in lines {
            diagram.read(line);
        }
        assert!(!diagram.title.is_empty() && diagram.participants.len() > 1, "{source}");
        diagram
    }

    fn read(&mut self, line: &'a str) {
        if let Some(title) = line.strip_prefix("title: ") {
            self.title = title;
        } else if let Some(participant) = line.strip_prefix("participant ") {
            let (id, name) = participant.split_once(" as ").expect("participant ID as NAME");
            self.participants.push(Participant { id, name });
        } else if let Some(note) = line.strip_prefix("Note over ") {
            let step = self.note(note);
            self.steps.push(step);
        } else {
            let step = self.message(line);
            self.steps.push(step);
        }
    }

    fn note(&self, note: &'a str) -> Step<'a> {
        let (over, text) = note.split_once(": ").expect("Note over ID: TEXT");
        let (from, to) = over.split_once(',').unwrap_or((over, over));
        let (kind, text) = match text.strip_prefix("✕ ") {
            Some(text) => (Mood::Failure, text),
            None => (Mood::Calm, text),
        };
        Step::Note { from: self.number(from), to: self.number(to), kind, text: lines_of(text) }
    }

    fn message(&self, line: &'a str) -> Step<'a> {
        let (ends, text) = line.split_once(": ").unwrap_or_else(|| panic!("no text: {line}"));
        let (from, to, kind) = ARROWS
            .iter()
            .find_map(|(arrow, kind)| ends.split_once(arrow).map(|(from, to)| (from, to, *kind)))
            .unwrap_or_else(|| panic!("no arrow: {line}"));
        Step::Message { from: self.number(from), to: self.number(to), kind, text: lines_of(text) }
    }

    fn number(&self, id: &str) -> usize {
        let found = self.participants.iter().position(|participant| participant.id == id.trim());
        found.unwrap_or_else(|| panic!("no participant {id}"))
    }
}

fn lines_of(text: &str) -> Vec<&str> {
    text.split("<br/>").collect()
}
