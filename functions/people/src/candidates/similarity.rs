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
    let mut taken = 0_u64; // letters of b that have a partner
    let mut matched = [0_u8; LONGEST]; // the letters of a that have one, in order
    let mut matches = 0;
    for (i, letter) in a.iter().enumerate() {
        let from = i.saturating_sub(reach);
        let to = (i + reach + 1).min(b.len());
        for (j, other) in b.iter().enumerate().take(to).skip(from) {
            if taken >> j & 1 == 0 && letter == other {
                taken |= 1 << j;
                matched[matches] = i.to_le_bytes()[0];
                matches += 1;
                break;
            }
        }
    }
    if matches == 0 {
        return 0.0;
    }
    let mut out_of_order = 0;
    for i in &matched[..matches] {
        let j = taken.trailing_zeros() as usize;
        taken &= taken - 1;
        out_of_order += usize::from(a[usize::from(*i)] != b[j]);
    }
    let m = matches as f32;
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

/// At most the edits between two words: one edit takes a letter from the set and adds another.
pub(crate) fn edits_at_least(a: &Term, b: &Term) -> u32 {
    (a.signature ^ b.signature).count_ones().div_ceil(2)
}

/// Letters inserted, deleted, replaced or exchanged with their neighbour; `limit + 1` if more.
pub(crate) fn edits(a: &[char], b: &[char], limit: u8) -> u8 {
    let limit = limit.min(100);
    let over = limit + 1;
    if a.len().abs_diff(b.len()) > usize::from(limit) {
        return over;
    }
    // Three rows of the matrix, taken in turn; cells further than `limit` off the diagonal are over.
    let width = usize::from(limit);
    let mut rows = [[over; LONGEST + 2]; 3];
    let [mut above, mut row, mut before] = rows.each_mut();
    for (cell, j) in above.iter_mut().zip(0..=limit) {
        *cell = j;
    }
    for (i, letter) in a.iter().enumerate() {
        let from = (i + 1).saturating_sub(width);
        let to = (i + 1 + width).min(b.len());
        row[from.saturating_sub(1)] = over;
        let mut least = over;
        for j in from..=to {
            let cost = if j == 0 {
                above[0] + 1
            } else {
                let same = *letter == b[j - 1];
                let exchanged = i > 0 && j > 1 && *letter == b[j - 2] && a[i - 1] == b[j - 1];
                let exchange = if exchanged { before[j - 2] + 1 } else { over };
                let replace = above[j - 1] + u8::from(!same);
                replace.min(above[j] + 1).min(row[j - 1] + 1).min(exchange)
            };
            row[j] = cost.min(over);
            least = least.min(cost);
        }
        row[to + 1] = over;
        if least > limit {
            return over;
        }
        (before, above, row) = (above, row, before);
    }
    above[b.len()].min(over)
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
        assert_eq!(edits(&chars("5126"), &chars("5162"), 2), 1);
        assert_eq!(edits(&chars("barnaby"), &chars("barnayb"), 1), 1);
        assert_eq!(edits(&chars("12"), &chars("47"), 1), 2);
    }

    proptest! {
        #[test]
        fn as_strsim_has_it(a in "[a-d]{0,12}", b in "[a-d]{0,12}") {
            let (x, y) = (chars(&a), chars(&b));
            let distance = strsim::osa_distance(&a, &b);
            for limit in [1, 2, 3, 12] {
                prop_assert_eq!(usize::from(edits(&x, &y, limit)), distance.min(usize::from(limit) + 1));
            }
            // Winkler's bonus counts from the first letter; strsim gives it above 0.7 only.
            let shorter_first = (a.len(), &a) <= (b.len(), &b);
            let jaro = if shorter_first { strsim::jaro(&a, &b) } else { strsim::jaro(&b, &a) };
            let prefix = x.iter().zip(&y).take(4).take_while(|(p, q)| p == q).count();
            #[expect(clippy::cast_precision_loss, reason = "at most 4")]
            let expected = jaro + 0.1 * prefix as f64 * (1.0 - jaro);
            prop_assert!((f64::from(jaro_winkler(&x, &y)) - expected).abs() < 1e-5);
            prop_assert!((jaro_winkler(&x, &y) - jaro_winkler(&y, &x)).abs() < 1e-6);
            let (s, t) = (Term::new(&x), Term::new(&y));
            prop_assert!(may_reach(&s, &t, jaro_winkler(&x, &y)));
            prop_assert!(edits_at_least(&s, &t) as usize <= distance);
        }
    }
}
