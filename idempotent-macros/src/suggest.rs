//! Parts of messages: the names that are allowed, and the nearest one to a misspelt name.

use strsim::damerau_levenshtein;

/// Says that `given` is no `what`, what was probably meant, and what is allowed.
pub(crate) fn unknown(what: &str, given: &str, names: &[&'static str], quote: char) -> String {
    let allowed = list(names, quote, "and");
    let guess = nearest(given, names).map(|name| format!("did you mean {quote}{name}{quote}? "));
    format!("unknown {what} {quote}{given}{quote}; {}there are {allowed}", guess.unwrap_or_default())
}

/// The name that `given` was probably meant to be: at most a third of its letters differ.
pub(crate) fn nearest(given: &str, names: &[&'static str]) -> Option<&'static str> {
    let distance = |name: &&'static str| damerau_levenshtein(&given.to_lowercase(), name);
    let name = names.iter().copied().min_by_key(|name| distance(name))?;
    (distance(&name) <= (name.len() / 3).max(1)).then_some(name)
}

/// `a`, `b` or `c`, each in quotes.
pub(crate) fn list(names: &[&'static str], quote: char, last: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("{quote}{name}{quote}")).collect();
    match quoted.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        assert_eq!(nearest("scpoe", &["ttl", "scope", "wait"]), Some("scope"));
        assert_eq!(nearest("Raw", &["raw", "canonical"]), Some("raw"));
    }

    #[test]
    fn another_word_is_left_alone() {
        assert_eq!(nearest("expires", &["ttl", "scope", "wait"]), None);
    }

    #[test]
    fn an_unknown_name_is_answered_with_a_guess_and_the_list() {
        assert_eq!(
            unknown("colour", "rde", &["red", "blue"], '`'),
            "unknown colour `rde`; did you mean `red`? there are `red` and `blue`"
        );
        assert_eq!(
            unknown("colour", "pink", &["red", "blue"], '`'),
            "unknown colour `pink`; there are `red` and `blue`"
        );
    }

    #[test]
    fn a_list_reads_as_a_sentence() {
        assert_eq!(list(&["raw"], '`', "or"), "`raw`");
        assert_eq!(list(&["s", "m", "h"], '`', "and"), "`s`, `m` and `h`");
    }
}
