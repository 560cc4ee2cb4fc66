//! Email addresses without what their provider ignores: `A.nn+shop@googlemail.com` and `ann@gmail.com` are one mailbox.

use super::IdentityConfig;

/// Domains that ignore dots as well, and are one domain.
const GMAIL: &[&str] = &["gmail.com", "googlemail.com"];

/// Domains whose addresses take a `+tag`, as their providers document.
const PLUS_ADDRESSING: &[&str] = &[
    "fastmail.com",
    "fastmail.fm",
    "hey.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mac.com",
    "mailbox.org",
    "me.com",
    "msn.com",
    "outlook.com",
    "outlook.de",
    "pm.me",
    "posteo.de",
    "posteo.net",
    "proton.me",
    "protonmail.com",
    "runbox.com",
    "zoho.com",
];

/// The folded form of a normalised address, if its provider is known to fold.
pub fn fold_email(config: &IdentityConfig, email: &str) -> Option<String> {
    let (local, domain) = email.rsplit_once('@')?;
    let gmail = GMAIL.contains(&domain);
    if !gmail && !PLUS_ADDRESSING.contains(&domain) && !config.plus_addressing.contains(domain) {
        return None;
    }
    let plain = local.split('+').next().filter(|plain| !plain.is_empty())?;
    Some(if gmail {
        format!("{}@gmail.com", plain.replace('.', ""))
    } else {
        format!("{plain}@{domain}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_providers_fold() {
        let own = IdentityConfig {
            plus_addressing: ["mail.example".into()].into(),
            ..Default::default()
        };
        let fold = |email| fold_email(&own, email);
        assert_eq!(fold("a.nn+shop@googlemail.com").as_deref(), Some("ann@gmail.com"));
        assert_eq!(fold("ann@gmail.com").as_deref(), Some("ann@gmail.com"));
        assert_eq!(fold("a.nn+shop@outlook.com").as_deref(), Some("a.nn@outlook.com"));
        assert_eq!(fold("ann+shop@mail.example").as_deref(), Some("ann@mail.example"));
        assert_eq!(fold("ann+shop@firm.example"), None);
        assert_eq!(fold("+shop@gmail.com"), None);
    }
}
