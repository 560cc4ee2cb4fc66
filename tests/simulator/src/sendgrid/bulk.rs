//! Events in any number, for benchmarks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use serde_json::json;

use crate::dice;

/// Events as JSON text, about half a kilobyte each, with later and later times.
pub fn bulk_events(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const START: i64 = 1_735_689_600;
    const KINDS: [&str; 4] = ["processed", "delivered", "open", "click"];
    let mut dice = dice(seed, 39);
    (0_u64..).take(count).map(move |number| {
        let message = number / 4;
        let kind = KINDS[usize::try_from(number % 4).unwrap_or(0)];
        let person = dice.random_range(0..500_000_u32);
        json!({
            "email": format!("person{person}@mail.example"),
            "timestamp": START + i64::try_from(number).unwrap_or(0) / 10,
            "event": kind,
            "smtp-id": format!("<bulk{message}@ismtpd0039p1iad1.sendgrid.net>"),
            "sg_event_id": URL_SAFE_NO_PAD.encode(format!("{kind}-0-{number}")),
            "sg_message_id": format!("bulk{message}.filterdrecv-756b745b58-kmzbl-18-5F5FC76C-9.0"),
            "category": ["receipt", "store"],
            "asm_group_id": 10,
            "response": "250 2.0.0 OK",
            "ip": "192.0.2.7",
            "useragent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15",
            "url": "https://ember-oak.example/menu",
            "order_number": format!("EO-{}", message * 37),
        })
        .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_weigh_about_half_a_kilobyte() {
        let sizes: Vec<usize> = bulk_events(7, 100).map(|event| event.len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((400..700).contains(&mean), "{mean}");
    }
}
