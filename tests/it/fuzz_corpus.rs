//! The fuzz targets' seeds, and a fixed series of mutations of them. They have the properties that
//! the fuzzer tests.

use std::path::PathBuf;
use std::{fs, io};

use idempotent_runtime::fuzzing;

const MUTATIONS: usize = 30_000;

/// Tokens that mutations insert: those on which the parsers decide.
const TOKENS: &[&str] = &[
    "\"",
    "\\",
    "\\\"",
    "\\u0061",
    "\\ud83d",
    "\\ude00",
    "{",
    "}",
    "[",
    "]",
    "[[",
    ",",
    ":",
    "0",
    "-",
    ".",
    "1e",
    "e-400",
    "E+21",
    "9007199254740993",
    "null",
    "true",
    " ",
    "\t",
    "\r\n",
    "\r\n\r\n",
    "--",
    "--B",
    "\r\n--B",
    "\r\n--B--",
    "&",
    "=",
    "+",
    "%",
    "%41",
    ";",
    ";a=b",
    ";name=x",
    "(",
    "\0",
    "\u{7f}",
    "é",
    "\u{fb33}",
    "😀",
    "\u{feff}",
];

#[test]
fn no_header_value_breaks_the_properties_of_keys() -> io::Result<()> {
    run("key", fuzzing::key)
}

#[test]
fn no_body_breaks_the_properties_of_canonical_forms() -> io::Result<()> {
    run("canonical", fuzzing::canonical)
}

#[test]
fn no_bytes_break_the_properties_of_stored_records() -> io::Result<()> {
    run("record", fuzzing::record)
}

fn run(target: &str, property: fn(&[u8])) -> io::Result<()> {
    let seeds = seeds(target)?;
    assert!(!seeds.is_empty(), "there are seeds for {target}");
    for seed in &seeds {
        property(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut corpus = seeds.clone();
    for _ in 0..MUTATIONS {
        let mut input = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut input, &seeds, &mut random);
        }
        let shown = Shown(&input);
        property(shown.0);
        let replaced = random.below(corpus.len() * 4);
        drop(shown);
        if input.len() < 4_096 && replaced < corpus.len() {
            corpus[replaced] = input;
        }
    }
    Ok(())
}

/// Prints the input for which a property does not hold.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was b\"{}\"", self.0.escape_ascii());
        }
    }
}

fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.into_iter().map(fs::read).collect()
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(16) + 1);
    match random.below(6) {
        0 => drop(input.splice(at..end, [])),
        1 => drop(input.splice(at..end, random.next().to_le_bytes())),
        2 => drop(input.splice(at..at, input[at..end].to_vec())),
        3 if at < input.len() => input[at] ^= 1 << random.below(8),
        4 => {
            let other = &seeds[random.below(seeds.len())];
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        _ => drop(input.splice(at..at, TOKENS[random.below(TOKENS.len())].bytes())),
    }
}

/// xorshift64: the same series on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or_default()
    }
}
