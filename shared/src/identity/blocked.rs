//! Values that stand in a field because something had to: they are nobody's, and never become evidence.

use super::IdentityConfig;
use crate::schema::Namespace;

/// Whole values, mailboxes at any domain (`info@`) and whole domains (`@test.com`).
const BLOCKED: &[&str] = &[
    "@email.invalid",
    "@localhost.localdomain",
    "@mailinator.com",
    "@noemail.com",
    "@nomail.com",
    "@none.com",
    "@test.com",
    "@test.test",
    "@yopmail.com",
    "[deleted]",
    "[object object]",
    "abuse@",
    "accounting@",
    "accounts@",
    "admin@",
    "administrator@",
    "anonym@",
    "anonymous",
    "anonymous@",
    "asdf",
    "asdf@",
    "billing@",
    "bookings@",
    "buchhaltung@",
    "contact@",
    "customer",
    "customer@",
    "customerservice@",
    "default",
    "deleted",
    "devnull@",
    "do-not-reply@",
    "donotreply@",
    "email@",
    "empty",
    "enquiries@",
    "example",
    "example@",
    "fake@",
    "false",
    "feedback@",
    "foo@",
    "guest",
    "guest@",
    "hello@",
    "helpdesk@",
    "help@",
    "hostmaster@",
    "hr@",
    "info@",
    "inquiries@",
    "invalid",
    "invalid@",
    "invoice@",
    "invoices@",
    "jobs@",
    "kasse@",
    "kontakt@",
    "mail@",
    "mailer-daemon@",
    "marketing@",
    "me@",
    "missing",
    "n.a.",
    "n/a",
    "na",
    "na@",
    "name@",
    "nan",
    "newsletter@",
    "nil",
    "no-email@",
    "no-reply@",
    "no@",
    "nobody@",
    "noemail@",
    "nomail@",
    "none",
    "none@",
    "noreply@",
    "not available",
    "nul",
    "null",
    "null@",
    "office@",
    "orders@",
    "post@",
    "postmaster@",
    "reception@",
    "root@",
    "rechnung@",
    "sales@",
    "sample@",
    "security@",
    "service@",
    "shop@",
    "spam@",
    "staff@",
    "store@",
    "support@",
    "tba",
    "tbd",
    "team@",
    "test",
    "test1@",
    "test123@",
    "test@",
    "tester@",
    "testing@",
    "true",
    "undefined",
    "unknown",
    "unknown@",
    "user",
    "user@",
    "verkauf@",
    "void",
    "webmaster@",
    "x@",
    "xx@",
    "xxx@",
];

/// So many digits at the end of a phone number decide whether somebody made it up.
const TELLING_DIGITS: usize = 7;

/// Whether a normalised value is nobody's; the caller passes it unqualified.
pub fn is_blocked(config: &IdentityConfig, namespace: Namespace, value: &str) -> bool {
    let value = value.trim();
    let lower = value.to_lowercase();
    let listed = |text: &str| BLOCKED.contains(&text) || config.blocked.contains(text);
    let nothing = !value.chars().any(|c| c.is_alphanumeric() && c != '0');
    if nothing || listed(&lower) {
        return true;
    }
    match namespace {
        Namespace::Email | Namespace::EmailFolded => match lower.rsplit_once('@') {
            Some((local, domain)) => {
                let plain = local.split('+').next().unwrap_or(local);
                domain.ends_with(".invalid")
                    || listed(&format!("@{domain}"))
                    || listed(&format!("{local}@"))
                    || listed(&format!("{plain}@"))
            }
            None => true,
        },
        Namespace::Phone => is_made_up(value),
        Namespace::SocialHandle => {
            lower.split_once(':').is_some_and(|(_, handle)| handle.is_empty() || listed(handle))
        }
        Namespace::External | Namespace::Loyalty => is_one_character(&lower),
        _ => false,
    }
}

/// `xxxx`, `9999999`: one character, many times.
fn is_one_character(value: &str) -> bool {
    let mut characters = value.chars();
    let first = characters.next();
    value.chars().count() > 3 && characters.all(|c| Some(c) == first)
}

/// A number that ends in one digit repeated, or in a run such as `1234567` or `7654321`.
fn is_made_up(phone: &str) -> bool {
    let digits: Vec<u8> = phone.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let Some(from) = digits.len().checked_sub(TELLING_DIGITS) else { return true };
    let run = |step: u8| digits[from..].windows(2).all(|two| two[1] == (two[0] + step) % 10);
    [0, 1, 9].into_iter().any(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_nobodys() {
        let config = IdentityConfig { blocked: ["kiosk@".into()].into(), ..Default::default() };
        for (namespace, value) in [
            (Namespace::Email, "test@test.com"),
            (Namespace::Email, "ann@test.com"),
            (Namespace::Email, "noreply@shop.example"),
            (Namespace::Email, "info+orders@shop.example"),
            (Namespace::Email, "kiosk@shop.example"),
            (Namespace::EmailFolded, "info@gmail.com"),
            (Namespace::Phone, "+4900000000"),
            (Namespace::Phone, "+491234567890"),
            (Namespace::Phone, "+12127777777"),
            (Namespace::CrmContact, "0"),
            (Namespace::CrmContact, "00000000-0000-0000-0000-000000000000"),
            (Namespace::External, "N/A"),
            (Namespace::External, "-"),
            (Namespace::External, "xxxx"),
            (Namespace::Loyalty, "99999999"),
            (Namespace::SocialHandle, "mastodon:anonymous"),
        ] {
            assert!(is_blocked(&config, namespace, value), "{namespace} {value}");
        }
        for (namespace, value) in [
            (Namespace::Email, "ann@shop.example"),
            (Namespace::Email, "testa.rossa@mail.example"),
            (Namespace::Phone, "+442079460123"),
            (Namespace::CrmContact, "1111"),
            (Namespace::External, "10"),
            (Namespace::SocialHandle, "mastodon:ann@social.example"),
        ] {
            assert!(!is_blocked(&config, namespace, value), "{namespace} {value}");
        }
    }
}
