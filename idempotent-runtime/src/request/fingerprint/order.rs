//! Order of an object's members.

use std::cmp::Ordering;
use std::ops::Range;

/// Compares names, unescaped, by their UTF-16 code units (RFC 8785 section 3.2.3).
pub(super) fn by_utf16(a: &str, b: &str) -> Ordering {
    a.bytes().map(utf16_rank).cmp(b.bytes().map(utf16_rank))
}

/// Rank of a UTF-8 byte in the order of UTF-16.
///
/// The order of UTF-8 bytes is that of UTF-16 code units but for U+E000 to U+FFFF, which start with
/// EE or EF. In UTF-16 they come after the surrogates, which stand for the characters that start
/// with F0 to F4 in UTF-8.
fn utf16_rank(byte: u8) -> u8 {
    if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte }
}

/// Objects of a text whose members have to be put in order.
///
/// Nothing is moved before the whole text is written. Each byte is then copied once, so sorting
/// objects within objects costs no more than sorting one. Where all members came in order it costs
/// nothing.
#[derive(Default)]
pub(super) struct Reordering {
    objects: Vec<Unsorted>,
    /// Ranges of the members, each object's in their canonical order.
    members: Vec<Range<usize>>,
}

/// An object whose members did not come in order.
struct Unsorted {
    range: Range<usize>,
    members: Range<usize>,
}

/// A part of the text that is to be copied next, and the byte to be written before it.
struct Piece {
    before: Option<u8>,
    range: Range<usize>,
}

impl Reordering {
    /// Notes that the object at `range` has its members, in their canonical order, at `members`.
    pub(super) fn add(&mut self, range: Range<usize>, members: impl Iterator<Item = Range<usize>>) {
        let first = self.members.len();
        self.members.extend(members);
        self.objects.push(Unsorted { range, members: first..self.members.len() });
    }

    /// Puts all members of the text in order.
    pub(super) fn apply(mut self, text: Vec<u8>) -> Vec<u8> {
        if self.objects.is_empty() {
            return text;
        }
        self.objects.sort_unstable_by_key(|object| object.range.start);
        let mut ordered = Vec::with_capacity(text.len());
        let mut pieces = vec![Piece { before: None, range: 0..text.len() }];
        while let Some(Piece { before, range }) = pieces.pop() {
            ordered.extend(before);
            match self.first_within(&range) {
                None => ordered.extend_from_slice(&text[range]),
                Some(object) => {
                    ordered.extend_from_slice(&text[range.start..object.range.start]);
                    pieces.push(Piece { before: Some(b'}'), range: object.range.end..range.end });
                    pieces.extend(self.members_backwards(object));
                }
            }
        }
        ordered
    }

    /// Outermost unsorted object that comes first in `range`.
    fn first_within(&self, range: &Range<usize>) -> Option<&Unsorted> {
        let at = self.objects.partition_point(|object| object.range.start < range.start);
        self.objects.get(at).filter(|object| object.range.start < range.end)
    }

    fn members_backwards(&self, object: &Unsorted) -> impl Iterator<Item = Piece> {
        let members = self.members[object.members.clone()].iter().enumerate();
        members.rev().map(|(at, range)| Piece {
            before: Some(if at == 0 { b'{' } else { b',' }),
            range: range.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_utf16_compares_them() {
        let names = [
            "",
            "\0",
            "\r",
            "1",
            "a",
            "aa",
            "ab",
            "b",
            "\u{7f}",
            "\u{80}",
            "ö",
            "\u{7ff}",
            "\u{800}",
            "€",
            "\u{d7ff}",
            "\u{e000}",
            "\u{fb33}",
            "\u{ffff}",
            "\u{10000}",
            "😀",
            "\u{10ffff}",
            "a😀",
            "a\u{fb33}",
        ];
        for a in names {
            for b in names {
                assert_eq!(by_utf16(a, b), a.encode_utf16().cmp(b.encode_utf16()), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn objects_within_moved_members_are_put_in_order_too() {
        let text = b"[{\"b\":{\"d\":1,\"c\":2},\"a\":3},4]".to_vec();
        let mut reordering = Reordering::default();
        reordering.add(6..19, [13..18, 7..12].into_iter());
        reordering.add(1..26, [20..25, 2..19].into_iter());
        assert_eq!(reordering.apply(text), b"[{\"a\":3,\"b\":{\"c\":2,\"d\":1}},4]");
    }
}
