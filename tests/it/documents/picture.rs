//! The picture of a sequence diagram, as SVG that reads in light and dark and loads nothing.

use std::fmt::Write;

use super::mermaid::{Diagram, Kind, Mood, Step};

/// The width of every picture, in pixels: what a page of documentation has beside its sidebar in a
/// window of 800.
const WIDTH: usize = 600;
const MARGIN: usize = 76;
const TOP: usize = 62;
const LINE: usize = 17;
/// The mean width of a letter, in tenths of a pixel, at 13 pixels; rather more than less.
const LETTER: usize = 68;

/// A card with a ground of its own, so that it reads on a page of either colour.
const STYLE: &str = "\
    .g{fill:#fff;stroke:#d0d7de}.t{fill:#1f2328}.l{stroke:#8c959f;stroke-dasharray:2 4}\
    .p{fill:#f6f8fa;stroke:#8c959f}.a{stroke:#0969da}.h{fill:#0969da}\
    .n{fill:#ddf4ff;stroke:#54aeff}.x{stroke:#cf222e}.xt{fill:#a40e26}.xn{fill:#ffebe9;stroke:#cf222e}\
    @media(prefers-color-scheme:dark){\
    .g{fill:#0d1117;stroke:#3d444d}.t{fill:#f0f6fc}.l{stroke:#656c76}\
    .p{fill:#151b23;stroke:#656c76}.a{stroke:#4493f8}.h{fill:#4493f8}\
    .n{fill:#10233f;stroke:#1f6feb}.x{stroke:#f85149}.xt{fill:#ff9492}.xn{fill:#331217;stroke:#f85149}}";

/// Everything that has been drawn so far, and the place of the next step.
struct Canvas<'a> {
    diagram: &'a Diagram<'a>,
    steps: String,
    y: usize,
}

pub(super) fn draw(diagram: &Diagram<'_>) -> String {
    let mut canvas = Canvas { diagram, steps: String::new(), y: TOP };
    for step in &diagram.steps {
        match step {
            Step::Message { from, to, kind, text } => canvas.message(*from, *to, *kind, text),
            Step::Note { from, to, kind, text } => canvas.note(*from, *to, *kind, text),
        }
    }
    canvas.finish()
}

impl Canvas<'_> {
    fn column(&self, number: usize) -> usize {
        MARGIN + number * (WIDTH - 2 * MARGIN) / (self.diagram.participants.len() - 1)
    }

    fn message(&mut self, from: usize, to: usize, kind: Kind, text: &[&str]) {
        let (start, target) = (self.column(from), self.column(to));
        let end = if kind == Kind::Lost { target.midpoint((start + target) / 2) } else { target };
        for line in text {
            assert!(width(line) < start.abs_diff(target), "too long: {line}");
            self.y += LINE;
            self.text(start.midpoint(end), self.y, if kind == Kind::Lost { "xt" } else { "t" }, line);
        }
        self.y += 8;
        let y = self.y;
        let line = if kind == Kind::Lost { "x" } else { "a" };
        let dashes = if kind == Kind::Reply { r#" stroke-dasharray="6 4""# } else { "" };
        self.put(format_args!(r#"<path class="{line}" d="M{start} {y}H{end}"{dashes}/>"#));
        let back = if target > start { end - 8 } else { end + 8 };
        if kind == Kind::Lost {
            let (left, right) = (end - 5, end + 5);
            let (up, down) = (y - 5, y + 5);
            self.put(format_args!(
                r#"<path class="x" d="M{left} {up}L{right} {down}M{left} {down}L{right} {up}"/>"#
            ));
        } else {
            let (up, down) = (y - 4, y + 4);
            self.put(format_args!(r#"<path class="h" stroke="none" d="M{end} {y}L{back} {up}V{down}z"/>"#));
        }
        self.y += 10;
    }

    fn note(&mut self, from: usize, to: usize, kind: Mood, text: &[&str]) {
        let (left, right) = (self.column(from.min(to)), self.column(from.max(to)));
        let longest = text.iter().map(|line| width(line)).max().unwrap_or_default();
        let middle = (left + right) / 2;
        let half = ((right - left) / 2 + 60).max(longest / 2 + 10).min(middle - 6).min(WIDTH - middle - 6);
        assert!(longest < 2 * half, "too long: {text:?}");
        let (ground, ink) = if kind == Mood::Failure { ("xn", "xt") } else { ("n", "t") };
        self.y += 8;
        let (x, y, width, height) = (middle - half, self.y, 2 * half, text.len() * LINE + 8);
        self.put(format_args!(
            r#"<rect class="{ground}" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>"#
        ));
        for (number, line) in text.iter().enumerate() {
            self.text(middle, y + number * LINE + 17, ink, line);
        }
        self.y += height + 4;
    }

    fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let text = escaped(text);
        self.put(format_args!(r#"<text class="{class}" x="{x}" y="{y}">{text}</text>"#));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.steps, "{element}").expect("a string takes everything");
    }

    /// Puts the participants, with their lines as long as the picture is high, under the steps.
    fn finish(mut self) -> String {
        let (steps, height) = (std::mem::take(&mut self.steps), self.y + 18);
        let title = escaped(self.diagram.title);
        for (number, participant) in self.diagram.participants.iter().enumerate() {
            let (x, left, end) = (self.column(number), self.column(number) - 62, height - 10);
            self.put(format_args!(r#"<path class="l" d="M{x} 48V{end}"/>"#));
            self.put(format_args!(r#"<rect class="p" x="{left}" y="16" width="124" height="32" rx="6"/>"#));
            self.put(format_args!(
                r#"<text class="t" x="{x}" y="37" font-weight="600">{}</text>"#,
                escaped(participant.name)
            ));
        }
        let participants = self.steps;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" font-family="system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif" font-size="13" text-anchor="middle" stroke-width="1.5">
<title>{title}</title>
<style>{STYLE} text{{stroke:none}}path{{fill:none}}path.h{{stroke:none}}</style>
<rect class="g" x=".75" y=".75" width="{inner_width}.5" height="{inner_height}.5" rx="8"/>
{participants}{steps}</svg>
"#,
            inner_width = WIDTH - 2,
            inner_height = height - 2,
        )
    }
}

fn width(line: &str) -> usize {
    line.chars().count() * LETTER / 10
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
