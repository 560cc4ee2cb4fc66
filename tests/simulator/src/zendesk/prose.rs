//! What customers and agents write.

use crate::Dice;
use crate::world::one_of;

/// A subject and the problem in a customer's words.
pub(crate) const PROBLEMS: &[(&str, &str)] = &[
    ("Where is my order?", "I ordered two large margheritas an hour ago and nothing has come."),
    ("Cold pizza 🍕", "The pizza was stone cold when it arrived. Not what I expect from you."),
    ("Double charge on my card", "My bank shows the same amount twice for last Friday."),
    ("Change of delivery address", "We have moved. Please use the new address from Monday."),
    ("Allergens in the pesto", "Does the green pesto contain cashew nuts? My son is allergic."),
    ("Please stop the newsletters", "I get three mails a week and never asked for them."),
    ("Lieferung unvollständig", "Es fehlten zwei Getränke und die Soße. Bitte um Rückmeldung."),
    ("Gift voucher does not work", "The code on the voucher is refused at the till."),
    ("Catering for 40 people", "Could you cater for our summer party? We are about forty."),
    ("Lost jacket in the restaurant", "I left a blue jacket on the chair by the window."),
    ("App keeps signing me out", "Since the update I have to sign in for every order."),
    ("Thank you!", "The team in Camden was wonderful on Saturday. Thank you 😊"),
];

const DETAILS: &[&str] = &[
    "I have attached the receipt.",
    "This is the second time this month.",
    "You can reach me in the evenings.",
    "The order was paid in the app.",
    "Könnten Sie mich bitte anrufen?",
    "My neighbour had the same problem.",
    "I would rather have the money back than a voucher.",
    "Please answer by mail, not by phone.",
];

const AGENT_REPLIES: &[&str] = &[
    "Thank you for writing to us. I am looking into it with the store.",
    "I am sorry about that. Could you send me the order number?",
    "I have refunded the order; it takes three to five days to show.",
    "The store confirms it. A voucher is on its way to you.",
    "Is there anything else I can help you with?",
];

const CUSTOMER_REPLIES: &[&str] = &[
    "It was the order from Friday at half past seven.",
    "Thanks, that was quick!",
    "I still have not heard anything.",
    "Yes please. And the drinks were missing as well.",
    "Danke, das hat geklappt 👍",
];

const NOTES: &[&str] = &[
    "Called the store, the driver had a flat tyre.",
    "Refund approved by the shift lead.",
    "Same household as last week's complaint?",
];

const RATING_COMMENTS: &[&str] = &["Quick and kind.", "Took far too long.", "Solved, thanks 🙏"];

/// A longer first message.
pub(crate) fn description(dice: &mut Dice, problem: &str) -> String {
    let (first, second) = (one_of(dice, DETAILS), one_of(dice, DETAILS));
    format!("{problem}\n\n{first} {second}")
}

pub(crate) fn agent_reply(dice: &mut Dice) -> &'static str {
    one_of(dice, AGENT_REPLIES)
}

pub(crate) fn customer_reply(dice: &mut Dice) -> &'static str {
    one_of(dice, CUSTOMER_REPLIES)
}

pub(crate) fn note(dice: &mut Dice) -> &'static str {
    one_of(dice, NOTES)
}

pub(crate) fn rating_comment(dice: &mut Dice) -> &'static str {
    one_of(dice, RATING_COMMENTS)
}
