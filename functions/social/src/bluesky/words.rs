//! In which language a post is, and how it speaks.

use shared::schema::Language;
use vader_sentiment::SentimentIntensityAnalyzer;

/// The model that scores English posts: a lexicon with rules, the same for every post of one release.
pub(super) const MODEL: &str = "vader 0.1";

/// The language that the text itself shows, if it does so reliably.
pub(super) fn detect(text: &str) -> Option<Language> {
    let told = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    shortest(told.lang().code()).parse().ok()
}

/// How the text speaks, −1 to 1; English only, and only where there is something to score.
pub(super) fn sentiment(text: &str, language: &Language) -> Option<f64> {
    let is_english = language.as_str().split('-').next() == Some("en");
    if !is_english || text.trim().is_empty() {
        return None;
    }
    let analyzer = SentimentIntensityAnalyzer::new();
    let compound = analyzer.polarity_scores(text).get("compound").copied()?;
    // Four digits, as the model's authors publish it.
    Some((compound.clamp(-1.0, 1.0) * 10_000.0).round() / 10_000.0)
}

/// The ISO 639-1 code where there is one: BCP 47 asks for the shortest (RFC 5646 §2.2.1).
fn shortest(code: &'static str) -> &'static str {
    const SHORT: &[(&str, &str)] = &[
        ("afr", "af"),
        ("aka", "ak"),
        ("amh", "am"),
        ("ara", "ar"),
        ("aze", "az"),
        ("bel", "be"),
        ("ben", "bn"),
        ("bul", "bg"),
        ("cat", "ca"),
        ("ces", "cs"),
        ("cmn", "zh"),
        ("cym", "cy"),
        ("dan", "da"),
        ("deu", "de"),
        ("ell", "el"),
        ("eng", "en"),
        ("epo", "eo"),
        ("est", "et"),
        ("fin", "fi"),
        ("fra", "fr"),
        ("guj", "gu"),
        ("heb", "he"),
        ("hin", "hi"),
        ("hrv", "hr"),
        ("hun", "hu"),
        ("hye", "hy"),
        ("ind", "id"),
        ("ita", "it"),
        ("jav", "jv"),
        ("jpn", "ja"),
        ("kan", "kn"),
        ("kat", "ka"),
        ("khm", "km"),
        ("kor", "ko"),
        ("lat", "la"),
        ("lav", "lv"),
        ("lit", "lt"),
        ("mal", "ml"),
        ("mar", "mr"),
        ("mkd", "mk"),
        ("mya", "my"),
        ("nep", "ne"),
        ("nld", "nl"),
        ("nob", "nb"),
        ("ori", "or"),
        ("pan", "pa"),
        ("pes", "fa"),
        ("pol", "pl"),
        ("por", "pt"),
        ("ron", "ro"),
        ("rus", "ru"),
        ("sin", "si"),
        ("slk", "sk"),
        ("slv", "sl"),
        ("sna", "sn"),
        ("spa", "es"),
        ("srp", "sr"),
        ("swe", "sv"),
        ("tam", "ta"),
        ("tel", "te"),
        ("tgl", "tl"),
        ("tha", "th"),
        ("tuk", "tk"),
        ("tur", "tr"),
        ("ukr", "uk"),
        ("urd", "ur"),
        ("uzb", "uz"),
        ("vie", "vi"),
        ("yid", "yi"),
        ("zul", "zu"),
    ];
    SHORT.iter().find(|(long, _)| *long == code).map_or(code, |(_, short)| short)
}
