//! Orders in any number, for benchmarks.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::json::{id, money, time, uuid};
use crate::dice;

/// Order records as JSON text, about 2 KB each, with later and later times.
pub fn bulk_orders(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const START: i64 = 1_735_689_600_000;
    let mut dice = dice(seed, 49);
    (1..).take(count).map(move |number: i64| {
        let dice = &mut dice;
        let at = Timestamp::from_millisecond(START + number * 1_731).unwrap_or(Timestamp::MAX);
        let lines: Vec<Value> = (0..dice.random_range(1..5))
            .map(|_| {
                let price = dice.random_range(250..1_500);
                json!({
                    "uid": uuid(dice),
                    "catalog_object_id": id(dice, 24),
                    "catalog_version": 1_580_000_000_000_i64 + number,
                    "quantity": "1",
                    "name": "Margherita",
                    "variation_name": "Regular",
                    "item_type": "ITEM",
                    "base_price_money": money(price, "GBP"),
                    "variation_total_price_money": money(price, "GBP"),
                    "gross_sales_money": money(price, "GBP"),
                    "total_tax_money": money(0, "GBP"),
                    "total_discount_money": money(0, "GBP"),
                    "total_money": money(price, "GBP"),
                })
            })
            .collect();
        let total = lines.iter().filter_map(|line| line["total_money"]["amount"].as_i64()).sum();
        let payment = format!("{}LZY", id(dice, 26));
        let customer = id(dice, 26);
        json!({
            "id": format!("{}ZY", id(dice, 27)),
            "location_id": "LEMBEROAK0001",
            "source": { "name": "Square Point of Sale" },
            "customer_id": customer,
            "line_items": lines,
            "tenders": [{
                "id": payment,
                "location_id": "LEMBEROAK0001",
                "created_at": time(at),
                "amount_money": money(total, "GBP"),
                "type": "CARD",
                "card_details": { "status": "CAPTURED", "card": { "card_brand": "VISA", "last_4": "1111" } },
                "payment_id": payment,
            }],
            "created_at": time(at),
            "updated_at": time(at),
            "closed_at": time(at),
            "state": "COMPLETED",
            "version": 4,
            "total_money": money(total, "GBP"),
            "total_tax_money": money(0, "GBP"),
            "total_discount_money": money(0, "GBP"),
            "total_tip_money": money(0, "GBP"),
            "total_service_charge_money": money(0, "GBP"),
            "net_amounts": { "total_money": money(total, "GBP"), "tax_money": money(0, "GBP") },
            "net_amount_due_money": money(0, "GBP"),
        })
        .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_weigh_about_two_kilobytes() {
        let sizes: Vec<usize> = bulk_orders(7, 100).map(|order| order.len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((1_400..2_800).contains(&mean), "{mean}");
    }
}
