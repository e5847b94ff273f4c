//! The order of the runtime's folders, and of the files in each: nobody imports what imports it.

use std::collections::{BTreeMap, BTreeSet};

use super::{read, rust_files};

const RUNTIME: &str = "idempotent-runtime/src/";

/// Files that name whatever the library shows: the list of what is public, and the list of what
/// generated code names.
const LISTS: [&str; 2] = ["lib.rs", "private.rs"];

/// Floors of the runtime, from the top down, as ARCHITECTURE.md lists them: what is named in one
/// line stands side by side.
fn floors() -> Vec<Vec<String>> {
    let map = read("ARCHITECTURE.md");
    let order = map.split("## Order of the folders").nth(1).expect("the order is written down");
    let list = order.split("```").nth(1).expect("it is a block").trim_start_matches("text");
    let floor = |line: &str| line.split('·').map(|name| name.trim().to_owned()).collect();
    list.lines().map(str::trim).filter(|line| !line.is_empty()).map(floor).collect()
}

#[test]
fn a_folder_imports_only_what_stands_below_it() {
    let floors = floors();
    let source = Source::read();
    let floor = |file: &str| {
        let room = room(file);
        let found = floors.iter().position(|floor| floor.iter().any(|name| name == room));
        found.unwrap_or_else(|| panic!("the order in ARCHITECTURE.md has no `{room}`"))
    };
    let against: Vec<String> = source
        .arrows()
        .iter()
        .filter(|(from, to)| room(from) != room(to) && floor(from) >= floor(to))
        .map(|(from, to)| format!("{from} imports {to}"))
        .collect();
    assert_eq!(against, Vec::<String>::new());
}

#[test]
fn the_order_names_what_exists() {
    let rooms: BTreeSet<String> = Source::read().files.keys().map(|file| room(file).to_owned()).collect();
    let named: BTreeSet<String> = floors().into_iter().flatten().collect();
    assert_eq!(named, rooms);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let source = Source::read();
    assert_eq!(circles(&source.arrows()), Vec::<BTreeSet<String>>::new());
}

/// Folder of the runtime in which `file` is, or the file itself where it is in none.
fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// The library's files, by their paths below `src`.
struct Source {
    files: BTreeMap<String, File>,
    /// Files by the modules that they are.
    modules: BTreeMap<Vec<String>, String>,
}

struct File {
    module: Vec<String>,
    /// Names that are imported, or exported anew, with the paths that they stand for.
    uses: Vec<Use>,
    /// All the rest of the code.
    code: String,
}

struct Use {
    name: String,
    path: Vec<String>,
    /// True where the name is only passed on.
    is_export: bool,
}

impl Source {
    fn read() -> Source {
        let mut source = Source { files: BTreeMap::new(), modules: BTreeMap::new() };
        for (path, text) in rust_files(RUNTIME) {
            let path = path.trim_start_matches(RUNTIME).to_owned();
            if !is_a_test(&path) {
                let (module, (uses, code)) = (module(&path), uses(&code(&text)));
                source.modules.insert(module.clone(), path.clone());
                source.files.insert(path, File { module, uses, code });
            }
        }
        assert!(source.files.len() > 100, "{} files", source.files.len());
        source
    }

    /// Imports between files: who imports, and who defines what is imported.
    fn arrows(&self) -> BTreeSet<(String, String)> {
        let mut arrows = BTreeSet::new();
        for (name, file) in self.files.iter().filter(|(name, _)| !LISTS.contains(&name.as_str())) {
            for path in self.paths(file) {
                if let Some(to) = self.definition(&file.module, &path, 0)
                    && to != *name
                    && !LISTS.contains(&to.as_str())
                {
                    arrows.insert((name.clone(), to));
                }
            }
        }
        arrows
    }

    /// Paths that a file uses. A module that is imported is used by what is named in it.
    fn paths(&self, file: &File) -> Vec<Vec<String>> {
        let mut paths = inline_paths(&file.code, &["crate", "super", "self"]);
        for Use { name, path, .. } in file.uses.iter().filter(|used| !used.is_export) {
            match self.absolute(&file.module, path).filter(|path| self.modules.contains_key(path)) {
                None => paths.push(path.clone()),
                Some(module) => {
                    let within = inline_paths(&file.code, &[name]);
                    paths.extend(within.into_iter().map(|found| {
                        let module = std::iter::once("crate".to_owned()).chain(module.iter().cloned());
                        module.chain(found.into_iter().skip(1)).collect()
                    }));
                }
            }
        }
        for name in self.children(&file.module) {
            paths.extend(inline_paths(&file.code, &[&name]));
        }
        paths
    }

    fn children(&self, module: &[String]) -> Vec<String> {
        let below =
            self.modules.keys().filter(|path| path.len() == module.len() + 1 && path.starts_with(module));
        below.filter_map(|path| path.last().cloned()).collect()
    }

    /// The path from the crate's root. `None` where it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "super" => module.split_last()?.1.to_vec(),
            "self" => module.to_vec(),
            first => {
                let mut child = module.to_vec();
                child.push(first.to_owned());
                self.modules.contains_key(&child).then_some(child)?
            }
        };
        for segment in &path[1..] {
            match segment.as_str() {
                "super" => {
                    base.pop();
                }
                segment => base.push(segment.to_owned()),
            }
        }
        Some(base)
    }

    /// File that defines what `path` names in `module`, through all files that pass it on.
    fn definition(&self, module: &[String], path: &[String], depth: usize) -> Option<String> {
        let path = self.absolute(module, path)?;
        let longest = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let file = &self.modules[&path[..longest]];
        let Some(name) = path.get(longest) else { return Some(file.clone()) };
        let passed_on = self.files[file].uses.iter().find(|used| used.name == *name);
        match passed_on {
            Some(used) if depth < 8 => {
                let mut on = used.path.clone();
                on.extend_from_slice(&path[longest + 1..]);
                self.definition(&path[..longest], &on, depth + 1)
            }
            _ => Some(file.clone()),
        }
    }
}

fn is_a_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.starts_with("model/")
}

fn module(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The code of a file without comments, texts and tests.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = String::new();
    for line in lines {
        // A text of one line may say anything; one of several lines names no path of this crate.
        for (number, part) in line.split('"').enumerate() {
            if number % 2 == 0 {
                code.push_str(part.split(" // ").next().unwrap_or_default());
            }
        }
        code.push('\n');
    }
    code
}

/// Names of the `use` items of a file, and the code without these items.
fn uses(code: &str) -> (Vec<Use>, String) {
    let (mut uses, mut rest, mut from) = (Vec::new(), String::new(), 0);
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        let is_export = before.starts_with("pub");
        if at < from || !(before.is_empty() || is_export) {
            continue;
        }
        let length = code[at..].find(';').unwrap_or_default();
        let item = code[at + 4..at + length].split_whitespace().collect::<Vec<_>>().join(" ");
        tree(&item, &[], is_export, &mut uses);
        rest.push_str(&code[from..at]);
        from = at + length;
    }
    rest.push_str(&code[from..]);
    (uses, rest)
}

/// Leaves of one tree of a `use` item, below `prefix`.
fn tree(item: &str, prefix: &[String], is_export: bool, uses: &mut Vec<Use>) {
    let item = item.trim();
    if let Some((head, group)) = item.split_once('{') {
        let prefix: Vec<String> = prefix.iter().cloned().chain(segments(head)).collect();
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        for part in parts(group) {
            tree(part, &prefix, is_export, uses);
        }
        return;
    }
    let (path, alias) = item.split_once(" as ").map_or((item, None), |(path, alias)| (path, Some(alias)));
    let mut path: Vec<String> = prefix.iter().cloned().chain(segments(path)).collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(last) = path.last().cloned() {
        uses.push(Use { name: alias.map_or(last, |alias| alias.trim().to_owned()), path, is_export });
    }
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())
}

/// Parts of a group, between the commas that are in no inner group.
fn parts(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[from..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Paths in the code that begin with one of these names.
fn inline_paths(code: &str, beginnings: &[&str]) -> Vec<Vec<String>> {
    let is_of_a_name = |char: char| char.is_alphanumeric() || char == '_';
    let mut paths = Vec::new();
    for beginning in beginnings {
        for (at, _) in code.match_indices(&format!("{beginning}::")) {
            let before = &code[..at];
            let is_inner = before.ends_with(|char| is_of_a_name(char) || char == ':' || char == '$');
            if is_inner {
                continue;
            }
            let path =
                code[at..].split(|char| !(is_of_a_name(char) || char == ':')).next().unwrap_or_default();
            paths.push(segments(path).collect());
        }
    }
    paths
}

/// Files that import each other in circles, all of a circle together.
fn circles(arrows: &BTreeSet<(String, String)>) -> Vec<BTreeSet<String>> {
    let files: BTreeSet<&String> = arrows.iter().flat_map(|(from, to)| [from, to]).collect();
    let reached: BTreeMap<&String, BTreeSet<String>> =
        files.iter().map(|file| (*file, reached_from(file, arrows))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for file in files {
        let circle: BTreeSet<String> =
            reached[file].iter().filter(|other| reached[other].contains(file)).cloned().collect();
        if !circle.is_empty() && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

fn reached_from(file: &str, arrows: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![file.to_owned()]);
    while let Some(file) = next.pop() {
        let to = arrows.iter().filter(|(from, _)| *from == file).map(|(_, to)| to.clone());
        next.extend(to.filter(|to| reached.insert(to.clone())));
    }
    reached
}
