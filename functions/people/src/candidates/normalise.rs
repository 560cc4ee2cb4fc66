//! Brings each field's text into the form that is compared.

use smol_str::SmolStr;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::person::{Field, Person};

/// Longer values are cut here; the similarities rely on it.
pub(crate) const LONGEST: usize = 64;

/// What a date's unknown digits read.
pub(crate) const UNKNOWN: char = '?';

/// The comparable text of every field, in the order of [`Field::ALL`]; empty means absent.
pub(crate) fn cells(person: &Person) -> [Vec<char>; Field::ALL.len()] {
    let text = |value: &Option<_>| value.as_deref().map(letters_and_digits).unwrap_or_default();
    let first = person.lines.first().map(SmolStr::as_str).unwrap_or_default();
    let (street, number) = match &person.house_number {
        Some(number) => (first, number.as_str()),
        None => split_number(first),
    };
    let more: String = person.lines.iter().skip(1).map(SmolStr::as_str).collect();
    let mut cells = Field::ALL.map(|field| match field {
        Field::Given => text(&person.given),
        Field::Family => text(&person.family),
        Field::BirthDate => person.birth_date.as_deref().map(date).unwrap_or_default(),
        Field::HouseNumber => letters_and_digits(number),
        Field::Street => letters_and_digits(street),
        Field::MoreAddress => letters_and_digits(&more),
        Field::Locality => text(&person.locality),
        Field::PostalCode => text(&person.postal_code),
        Field::Region => text(&person.region),
        Field::Phone => person.phone.as_deref().map(digits).unwrap_or_default(),
        Field::Email => person.email.as_deref().map(address).unwrap_or_default(),
    });
    for cell in &mut cells {
        cell.truncate(LONGEST);
    }
    cells
}

/// Lower case without accents, blanks and punctuation: `De la Croix` and `delacroix` are one.
fn letters_and_digits(text: &str) -> Vec<char> {
    let mut folded = Vec::with_capacity(text.len());
    for letter in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => folded.extend(['s', 's']),
            'æ' => folded.extend(['a', 'e']),
            'œ' => folded.extend(['o', 'e']),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            letter if letter.is_alphanumeric() => folded.push(letter),
            _ => {}
        }
    }
    folded
}

fn digits(text: &str) -> Vec<char> {
    let digits = text.chars().filter(char::is_ascii_digit);
    digits.skip_while(|digit| *digit == '0').collect()
}

fn address(text: &str) -> Vec<char> {
    text.nfkc().flat_map(char::to_lowercase).filter(|letter| !letter.is_whitespace()).collect()
}

/// Eight digits, year first, unknown ones as `?`; nothing where the text is no date.
fn date(text: &str) -> Vec<char> {
    let text = text.trim();
    let (year, rest) = match text.strip_prefix("--") {
        Some(rest) => ("????", rest),
        None if text.len() >= 4 && text.is_char_boundary(4) => text.split_at(4),
        None => return Vec::new(),
    };
    let rest: String = rest.chars().take_while(|c| *c != 'T').filter(|c| *c != '-').collect();
    let date: Vec<char> = year.chars().chain(rest.chars()).chain("????".chars()).take(8).collect();
    let readable = date.iter().all(|c| c.is_ascii_digit() || *c == UNKNOWN);
    let known = date.iter().any(char::is_ascii_digit);
    if readable && known && matches!(rest.len(), 0 | 2 | 4) { date } else { Vec::new() }
}

/// `12 Hurley Street` and `Hurleystraße 12b` give street and number.
fn split_number(line: &str) -> (&str, &str) {
    let line = line.trim();
    let numbered = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    if let Some((number, street)) = line.split_once([' ', ',']).filter(|(word, _)| numbered(word)) {
        return (street, number);
    }
    match line.rsplit_once([' ', ',']).filter(|(_, word)| numbered(word)) {
        Some((street, number)) => (street, number),
        None => (line, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chars: &[char]) -> String {
        chars.iter().collect()
    }

    #[test]
    fn accents_blanks_and_case_do_not_count() {
        assert_eq!(read(&letters_and_digits(" De la Croïx-Weiß ")), "delacroixweiss");
        assert_eq!(read(&letters_and_digits("Łukasz Ørsted")), "lukaszorsted");
    }

    #[test]
    fn dates_in_whole_and_in_part() {
        for (text, expected) in [
            ("1990-05-17", "19900517"),
            ("19900517", "19900517"),
            ("1990-05-17T00:00:00Z", "19900517"),
            ("1990-05", "199005??"),
            ("1990", "1990????"),
            ("--05-17", "????0517"),
            ("17 May", ""),
            ("199", ""),
            ("", ""),
        ] {
            assert_eq!(read(&date(text)), expected, "{text}");
        }
    }

    #[test]
    fn house_numbers_on_either_side() {
        assert_eq!(split_number("12 Hurley Street"), ("Hurley Street", "12"));
        assert_eq!(split_number("Lindenweg 7b"), ("Lindenweg", "7b"));
        assert_eq!(split_number("Lindenweg"), ("Lindenweg", ""));
    }
}
