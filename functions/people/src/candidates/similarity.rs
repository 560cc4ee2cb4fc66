//! How alike two words are: Jaro–Winkler, and edits with neighbours exchanged, without allocating.

use super::normalise::LONGEST;
use super::table::Term;

/// Jaro–Winkler similarity, 0 to 1, of two words of at most [`LONGEST`] letters.
#[expect(clippy::cast_precision_loss, reason = "lengths are at most 64")]
pub(crate) fn jaro_winkler(a: &[char], b: &[char]) -> f32 {
    // The shorter first, so that both orders give the same.
    let (a, b) = if (a.len(), a) <= (b.len(), b) { (a, b) } else { (b, a) };
    if a.is_empty() {
        return if b.is_empty() { 1.0 } else { 0.0 };
    }
    let reach = (b.len() / 2).saturating_sub(1);
    let mut used = 0_u64; // letters of b that have a partner
    let mut matched = [0_u8; LONGEST]; // the letters of a that have one, in order
    let mut pairs = 0;
    for (i, letter) in a.iter().enumerate() {
        let window = i.saturating_sub(reach)..(i + reach + 1).min(b.len());
        for (j, other) in b.iter().enumerate().take(window.end).skip(window.start) {
            if used >> j & 1 == 0 && letter == other {
                used |= 1 << j;
                matched[pairs] = i.to_le_bytes()[0];
                pairs += 1;
                break;
            }
        }
    }
    if pairs == 0 {
        return 0.0;
    }
    let mut out_of_order = 0;
    for i in &matched[..pairs] {
        let j = used.trailing_zeros() as usize;
        used &= used - 1;
        out_of_order += usize::from(a[usize::from(*i)] != b[j]);
    }
    let m = pairs as f32;
    let moved = (out_of_order / 2) as f32;
    let jaro = (m / a.len() as f32 + m / b.len() as f32 + (m - moved) / m) / 3.0;
    jaro + 0.1 * common_prefix(a, b) * (1.0 - jaro)
}

fn common_prefix(a: &[char], b: &[char]) -> f32 {
    let same = a.iter().zip(b).take(4).take_while(|(x, y)| x == y);
    same.fold(0.0, |length, _| length + 1.0)
}

/// Whether two words can be that similar, told from the sets of their letters.
#[expect(clippy::cast_precision_loss, reason = "lengths are at most 64")]
pub(crate) fn may_reach(a: &Term, b: &Term, least: f32) -> bool {
    // A letter that only one word has matches nothing.
    let alone = (a.signature ^ b.signature).count_ones() as f32;
    let (n, m) = (a.letters.len() as f32, b.letters.len() as f32);
    let matches = (0.5 * (n + m - alone)).min(n).min(m);
    // The formula of Jaro and Winkler, multiplied out, with room for rounding.
    let reaches = |bonus: f32| {
        (matches * (n + m) + n * m) * (1.0 - bonus) >= (3.0 * (least - bonus) - 1e-4) * n * m
    };
    reaches(0.4) && reaches(0.1 * common_prefix(&a.letters, &b.letters))
}

/// At least so many edits: one takes a letter from the set, adds another, or changes the length.
pub(crate) fn edits_at_least(a: &Term, b: &Term) -> usize {
    let letters = (a.signature ^ b.signature).count_ones().div_ceil(2) as usize;
    letters.max(a.letters.len().abs_diff(b.letters.len()))
}

/// Letters inserted, deleted, replaced or exchanged with their neighbour.
///
/// Hyyrö's bit-parallel algorithm: a column of the matrix is two words, of the steps up and down.
pub(crate) fn edits(a: &[char], b: &[char]) -> usize {
    let Some(last) = a.len().checked_sub(1) else { return b.len() };
    let (mut up, mut down, mut diagonal, mut before) = (u64::MAX, 0_u64, 0_u64, 0_u64);
    let mut distance = a.len();
    for letter in b {
        let places = a.iter().zip(0..).map(|(other, i)| u64::from(letter == other) << i);
        let here = places.fold(0, |places, place| places | place);
        let exchanged = ((!diagonal & here) << 1) & before;
        diagonal = ((here & up).wrapping_add(up) ^ up) | here | down | exchanged;
        let (more, less) = (down | !(diagonal | up), diagonal & up);
        distance += (more >> last & 1) as usize;
        distance -= (less >> last & 1) as usize;
        let more = more << 1 | 1;
        up = (less << 1) | !(diagonal | more);
        down = more & diagonal;
        before = here;
    }
    distance
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn exchanged_neighbours_are_one_edit() {
        assert_eq!(edits(&chars("5126"), &chars("5162")), 1);
        assert_eq!(edits(&chars("barnaby"), &chars("barnayb")), 1);
        assert_eq!(edits(&chars("12"), &chars("47")), 2);
    }

    proptest! {
        #[test]
        fn as_strsim_has_it(a in "[a-dé]{0,12}", b in "[a-dé]{0,12}") {
            let (x, y) = (chars(&a), chars(&b));
            let distance = strsim::osa_distance(&a, &b);
            prop_assert_eq!(edits(&x, &y), distance);
            // Winkler's bonus counts from the first letter; strsim gives it above 0.7 only.
            let shorter_first = (x.len(), &x) <= (y.len(), &y);
            let jaro = if shorter_first { strsim::jaro(&a, &b) } else { strsim::jaro(&b, &a) };
            let prefix = x.iter().zip(&y).take(4).take_while(|(p, q)| p == q).count();
            #[expect(clippy::cast_precision_loss, reason = "at most 4")]
            let expected = jaro + 0.1 * prefix as f64 * (1.0 - jaro);
            prop_assert!((f64::from(jaro_winkler(&x, &y)) - expected).abs() < 1e-5);
            prop_assert!((jaro_winkler(&x, &y) - jaro_winkler(&y, &x)).abs() < 1e-6);
            let (s, t) = (Term::new(&x), Term::new(&y));
            prop_assert!(may_reach(&s, &t, jaro_winkler(&x, &y)));
            prop_assert!(edits_at_least(&s, &t) <= distance);
        }
    }
}
