//! Canonical text of a JSON string.

/// Appends the canonical text of a string. Only characters that have to be escaped are escaped, in
/// the shortest way (RFC 8785 section 3.2.2.2).
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        write_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        _ => {
            let digits = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_has_to_be_escaped_is_escaped_in_the_shortest_way() {
        assert_eq!(written("\u{8}\t\n\u{c}\r\"\\"), r#""\b\t\n\f\r\"\\""#);
        assert_eq!(written("\0\u{1}\u{b}\u{f}\u{1f}"), r#""\u0000\u0001\u000b\u000f\u001f""#);
    }

    #[test]
    fn nothing_else_is_escaped() {
        for text in
            ["", " ", "/", "'", "\u{7f}", "\u{80}", "é", "€", "\u{2028}", "\u{feff}", "\u{ffff}", "😀"]
        {
            assert_eq!(written(text), format!("\"{text}\""));
        }
    }
}
