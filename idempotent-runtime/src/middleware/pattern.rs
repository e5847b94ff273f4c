//! Patterns of routes, as a middleware sees them.

use actix_web::HttpRequest;

/// Pattern of the route that `request` will take, by its path: no guard has been asked yet.
///
/// The router looks at the path after its unreserved characters are decoded, and so does this: two
/// spellings of one path are one route.
pub(super) fn pattern_of(request: &HttpRequest) -> Option<String> {
    let path = request.match_info();
    let by_path = || request.resource_map().match_pattern(path.as_str());
    match path.unprocessed().is_empty() {
        // The middleware may be a resource's, whose pattern is known.
        true => request.match_pattern().or_else(by_path),
        false => by_path(),
    }
}

/// The pattern without the names of its parameters, which tell no path from another one.
pub(super) fn nameless(pattern: &str) -> String {
    with_parameters(pattern, |parameter| parameter.find(':').map_or("", |at| &parameter[at..]))
}

/// The pattern without all that is said of its parameters.
#[cfg(feature = "openapi")]
pub(super) fn bare(pattern: &str) -> String {
    with_parameters(pattern, |_| "")
}

/// The pattern with another text between the braces of each parameter.
fn with_parameters(pattern: &str, text: impl Fn(&str) -> &str) -> String {
    let mut changed = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let end = end_of_parameter(after);
        changed.push_str(before);
        changed.push('{');
        changed.push_str(text(&after[..end]));
        rest = &after[end..];
    }
    changed + rest
}

/// Length of a parameter. Its expression may have braces of its own.
fn end_of_parameter(rest: &str) -> usize {
    let mut depth = 1;
    for (at, char) in rest.char_indices() {
        depth = match char {
            '{' => depth + 1,
            '}' => depth - 1,
            _ => depth,
        };
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_differ_in_names_alone_are_one() {
        for (one, other, are_one) in [
            ("/hooks/{id}", "/hooks/{name}", true),
            ("/hooks/{id}", "/hooks/{id:[0-9]{2,3}}", false),
            ("/{a:[0-9]{2}}/x", "/{b:[0-9]{2}}/x", true),
            ("/{a:[0-9]{2}}/x", "/{b:[0-9]{2}}/y", false),
            ("/{tail}*", "/{rest}*", true),
            ("/hooks", "/hooks/", false),
            ("/{open", "/{other", true),
        ] {
            assert_eq!(nameless(one) == nameless(other), are_one, "{one} {other}");
        }
    }

    #[cfg(feature = "openapi")]
    #[test]
    fn a_document_knows_no_expressions() {
        assert_eq!(bare("/v1/{a:[0-9]{2}}/x/{b}"), "/v1/{}/x/{}");
    }
}
