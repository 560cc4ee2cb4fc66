//! Telephone numbers nobody owns, and the ways people write them.

use rand::RngExt as _;

use super::one_of;
use crate::Dice;

/// Numbers that regulators keep for fiction and that still parse as valid.
///
/// The British mobiles of that kind, 07700 900xxx, are missing: libphonenumber refuses them.
struct Range {
    code: &'static str,
    area: &'static str,
    prefix: &'static str,
    free_digits: usize,
}

const RANGES: &[Range] = &[
    range("44", "20", "79460", 3),
    range("44", "161", "4960", 3),
    range("44", "113", "4960", 3),
    range("44", "121", "4960", 3),
    range("44", "131", "4960", 3),
    range("44", "151", "4960", 3),
    range("49", "30", "23125", 3),
    range("49", "171", "39200", 2),
    range("49", "176", "040690", 2),
    range("1", "212", "55501", 2),
    range("1", "202", "55501", 2),
    range("1", "303", "55501", 2),
    range("1", "312", "55501", 2),
    range("1", "404", "55501", 2),
    range("1", "415", "55501", 2),
    range("1", "617", "55501", 2),
    range("1", "718", "55501", 2),
];

const fn range(
    code: &'static str,
    area: &'static str,
    prefix: &'static str,
    free_digits: usize,
) -> Range {
    Range { code, area, prefix, free_digits }
}

/// The number of the person with this index, in E.164; none once the reserved numbers run out.
pub(super) fn nth(index: usize) -> Option<String> {
    // The last number of each range stays free: the kiosk has one of them.
    let usable = |range: &Range| 10_usize.pow(u32::try_from(range.free_digits).unwrap_or(0)) - 1;
    let range = &RANGES[index % RANGES.len()];
    let number = index / RANGES.len();
    (number < usable(range)).then(|| {
        let digits = range.free_digits;
        format!("+{}{}{}{number:0digits$}", range.code, range.area, range.prefix)
    })
}

/// An E.164 number as somebody might type it.
pub(crate) fn notation(dice: &mut Dice, e164: &str) -> String {
    let Some((range, local)) = RANGES.iter().find_map(|range| {
        let national = e164.strip_prefix('+')?.strip_prefix(range.code)?;
        Some((range, national.strip_prefix(range.area)?))
    }) else {
        return e164.to_owned();
    };
    let (code, area) = (range.code, range.area);
    let (front, back) = local.split_at(local.len().min(if code == "1" { 3 } else { 4 }));
    let trunk = if code == "1" { "" } else { "0" };
    let forms = [
        e164.to_owned(),
        format!("+{code} {area} {front} {back}"),
        format!("+{code} ({area}) {front}-{back}"),
        format!("00{code} {area} {front}{back}"),
        format!("{trunk}{area} {front} {back}"),
        format!("({trunk}{area}) {front}-{back}"),
        format!("{trunk}{area}{front}{back}"),
        format!("+{code}.{area}.{front}.{back}"),
    ];
    if dice.random_ratio(1, 25) {
        return format!("{} ext. {}", forms[1], dice.random_range(10..99));
    }
    one_of(dice, &forms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_keeps_the_local_digits() {
        let dice = &mut crate::dice(1, 1);
        for index in 0..200 {
            let number = nth(index).expect("reserved numbers suffice");
            let written: String =
                notation(dice, &number).chars().filter(char::is_ascii_digit).collect();
            assert!(written.contains(&number[number.len() - 7..]), "{written} is not {number}");
        }
    }

    #[test]
    fn reserved_numbers_run_out() {
        assert_eq!(nth(1_000_000), None);
    }
}
