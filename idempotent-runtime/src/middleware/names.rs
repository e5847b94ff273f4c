//! Lists of names that policies hold. Each list is written down once per process, however many
//! workers build it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

static LISTS: Mutex<BTreeSet<&'static [&'static str]>> = Mutex::new(BTreeSet::new());

/// The list of these names, for as long as the process lives.
pub(super) fn kept(names: &BTreeSet<String>) -> &'static [&'static str] {
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(known) = lists.iter().find(|known| ***known == *wanted) {
        return known;
    }
    let names = names.iter().map(|name| &*Box::leak(name.clone().into_boxed_str()));
    let list = &*Box::leak(names.collect::<Box<[_]>>());
    lists.insert(list);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_built_again_is_the_same() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let [one, again] = [(); 2].map(|()| kept(&names(&["accept", "x-version"])));
        assert!(std::ptr::eq(one, again));
        assert_eq!(one, ["accept", "x-version"]);
        assert_ne!(one, kept(&names(&["accept"])));
    }
}
