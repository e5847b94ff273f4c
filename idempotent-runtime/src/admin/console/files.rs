//! Files of the page, as they are in this folder.

/// A file that a browser loads.
pub(super) struct File {
    /// Name below the page's path.
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
}

pub(super) const PAGE: File =
    File { name: "", content_type: "text/html; charset=utf-8", text: include_str!("page.html") };

macro_rules! with_scripts {
    ($($name:literal),*) => {
        [
            File { name: "style.css", content_type: "text/css; charset=utf-8", text: include_str!("style.css") },
            File { name: "icon.svg", content_type: "image/svg+xml", text: include_str!("icon.svg") },
            $(File { name: $name, content_type: "text/javascript; charset=utf-8", text: include_str!($name) }),*
        ]
    };
}

/// Files that the page and its scripts name.
pub(super) static FILES: [File; 18] = with_scripts![
    "act.js",
    "api.js",
    "counters.js",
    "dom.js",
    "entry.js",
    "forget.js",
    "format.js",
    "log.js",
    "lookup.js",
    "main.js",
    "policies.js",
    "resolve.js",
    "stuck.js",
    "table.js",
    "unlock.js",
    "usage.js"
];
