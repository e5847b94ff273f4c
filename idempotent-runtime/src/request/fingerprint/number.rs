//! Canonical text of a JSON number.

/// Limit of the significand. Doubles have at most 17 significant digits in their shortest form, so
/// a number with more is never exact.
const MORE_THAN_17_DIGITS: u64 = 100_000_000_000_000_000;

/// Appends the canonical text of a JSON number.
///
/// A number with a fraction or an exponent is written in RFC 8785's form if its double holds
/// exactly the number that was written: if the shortest decimal that reads back as that double is
/// the decimal that was written. Every other number is written as it stands, so that two different
/// amounts never look equal.
///
/// An integer up to 2^53 is in RFC 8785's form already. Beyond that its own digits count. The one
/// exception is `-0`, which is `0`.
///
/// The work is linear in the length of `literal`, even if its exponent is large.
pub(super) fn write_number(out: &mut Vec<u8>, literal: &str) {
    if literal == "-0" {
        out.push(b'0');
    } else if is_integer(literal) {
        out.extend_from_slice(literal.as_bytes());
    } else {
        write_decimal(out, literal);
    }
}

fn is_integer(literal: &str) -> bool {
    !literal.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn write_decimal(out: &mut Vec<u8>, literal: &str) {
    let mut buffer = ryu_js::Buffer::new();
    let text = exact_text(literal, &mut buffer).unwrap_or(literal);
    out.extend_from_slice(text.as_bytes());
}

/// Text that RFC 8785 writes for the double of `literal`, if that double holds exactly the number
/// that `literal` says.
fn exact_text<'a>(literal: &str, buffer: &'a mut ryu_js::Buffer) -> Option<&'a str> {
    let written = Decimal::read(literal)?;
    if written == Decimal::ZERO {
        return Some("0");
    }
    let double = literal.parse().ok().filter(|double: &f64| double.is_finite())?;
    let text = buffer.format_finite(double);
    (Decimal::read(text)? == written).then_some(text)
}

/// A decimal number in its only normal form: the significand does not end in a zero, except for
/// zero itself.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    significand: u64,
    exponent: i64,
}

impl Decimal {
    const ZERO: Decimal = Decimal { negative: false, significand: 0, exponent: 0 };

    /// Reads a JSON number. `None` if it has more digits or a larger exponent than a double can
    /// have.
    ///
    /// It is `None` too for an exponent that does not fit 16 bits, even where ten thousands of
    /// zeros make up for it: the standard library reads no exponent beyond that.
    fn read(literal: &str) -> Option<Decimal> {
        let (mantissa, exponent) = split_once(literal, |byte| matches!(byte, b'e' | b'E'));
        let (integer, fraction) = split_once(mantissa, |byte| byte == b'.');
        let (significand, zeros) = significand(integer.trim_start_matches('-'), fraction)?;
        if significand == 0 {
            return Some(Decimal::ZERO);
        }
        let exponent = if exponent.is_empty() { 0 } else { i64::from(exponent.parse::<i16>().ok()?) };
        let exponent = exponent
            .checked_add(i64::from(zeros))?
            .checked_sub(i64::try_from(fraction.len()).ok()?)
            .filter(|exponent| (-400..=400).contains(exponent))?;
        Some(Decimal { negative: literal.starts_with('-'), significand, exponent })
    }
}

/// Splits the text at the first byte that `separates`: the text before it, and the text behind it.
fn split_once(text: &str, separates: impl Fn(u8) -> bool) -> (&str, &str) {
    let at = text.bytes().position(separates).unwrap_or(text.len());
    (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())
}

/// Digits of a mantissa without the zeros at both ends, and the number of zeros behind them.
fn significand(integer: &str, fraction: &str) -> Option<(u64, u32)> {
    let mut significand = 0_u64;
    let mut zeros = 0_u32;
    for digit in integer.bytes().chain(fraction.bytes()) {
        if digit == b'0' {
            zeros = if significand == 0 { 0 } else { zeros.checked_add(1)? };
        } else {
            let shift = 10_u64.checked_pow(zeros.checked_add(1)?)?;
            significand = significand.checked_mul(shift)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
            zeros = 0;
        }
    }
    (significand < MORE_THAN_17_DIGITS).then_some((significand, zeros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(literal: &str) -> String {
        let mut out = Vec::new();
        write_number(&mut out, literal);
        String::from_utf8(out).unwrap()
    }

    /// RFC 8785, appendix B.
    const SAMPLES: &[(u64, &str)] = &[
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];

    #[test]
    fn every_sample_of_rfc_8785_is_written_as_there() {
        for &(bits, text) in SAMPLES {
            let other_form = if text.contains('e') { text.to_uppercase() } else { format!("{text}e0") };
            assert!((text.parse::<f64>().unwrap() - f64::from_bits(bits)).abs() == 0.0, "{bits:x}");
            assert_eq!(written(&other_form), text, "{bits:x}");
        }
    }

    #[test]
    fn the_forms_of_one_number_are_written_alike() {
        for (forms, text) in [
            (
                &[
                    "1", "1.0", "1e0", "1E0", "1e+0", "1e-0", "10e-1", "0.1e1", "0.0001e4", "1.000000",
                    "1e00000",
                ][..],
                "1",
            ),
            (
                &[
                    "0",
                    "-0",
                    "0.0",
                    "-0.0",
                    "0e5",
                    "-0E-5",
                    "0e999999999999999999999",
                    "0.000e-9999999999999999",
                ],
                "0",
            ),
            (&["100", "1e2", "100.00", "1.0E+2", "0.1e3"], "100"),
            (&["-1.5", "-1.50", "-15e-1", "-0.15E1"], "-1.5"),
            (&["0.1", "1e-1", "0.10", "0.01e1"], "0.1"),
            (&["99999999999999.98", "9999999999999998e-2", "99999999999999.980"], "99999999999999.98"),
            (&["9007199254740992", "9007199254740992.0", "9.007199254740992e15"], "9007199254740992"),
        ] {
            for form in forms {
                assert_eq!(written(form), text, "{form}");
            }
        }
    }

    #[test]
    fn a_number_that_its_double_does_not_say_exactly_keeps_its_own_text() {
        for literal in [
            "9007199254740993",
            "-9007199254740993",
            "9007199254740993.0",
            "9007199254740993e0",
            "1424953923781206.3",
            "18446744073709551616",
            "100000000000000000000000",
            "0.10000000000000000555",
            "333333333.33333329",
            "99999999999999.985",
            "1e400",
            "-1e400",
            "1E400",
            "1e-400",
            "2e-324",
            "1.7976931348623159e308",
            "1e999999999999999999999999",
            "1e-999999999999999999999999",
            "123456789012345678901234567890.5",
        ] {
            assert_eq!(written(literal), literal);
        }
    }

    #[test]
    fn two_different_amounts_never_look_equal() {
        let amounts = [
            "9007199254740991",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "9007199254740993.5",
            "99999999999999.98",
            "99999999999999.99",
            "0.1",
            "0.10000000000000000555",
            "0.10000000000000001",
            "1e400",
            "1e401",
            "1e-400",
            "0",
            "1e-401",
            "-1e-400",
            "5e-324",
            "3e-324",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1e309",
            "-1",
            "1",
            "18446744073709551615",
            "18446744073709551616",
            "1844674407370955161.6",
            "17976931348623157",
            "17976931348623158",
        ];
        for (at, a) in amounts.iter().enumerate() {
            for b in &amounts[at + 1..] {
                assert_ne!(written(a), written(b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn canonical_text_stays_as_it_is() {
        for &(_, text) in SAMPLES {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn a_million_digits_or_a_huge_exponent_cost_no_more_than_reading_them() {
        let zeros = "0".repeat(1 << 20);
        assert!(written(&format!("1.{zeros}")) == "1");
        assert!(written(&format!("1e{zeros}2")) == "100");
        assert!(written(&format!("0.{}1e30001", &zeros[..30_000])) == "1");
        assert!(written(&format!("1{}e-30000", &zeros[..30_000])) == "1");
        for own in [
            format!("1.{zeros}1"),
            format!("1{zeros}.5"),
            format!("1e1{zeros}"),
            format!("0.{zeros}1e{}", (1 << 20) + 1),
            format!("1{zeros}e-{}", 1 << 20),
        ] {
            assert!(written(&own) == own, "{}", &own[..20]);
        }
    }
}
