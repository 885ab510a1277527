//! The sample resource: the price of a list of items, computed from the request alone.
//!
//! Amounts are whole minor units (cents), never floats.

use axum::Json;
use serde::{Deserialize, Serialize};

use crate::problem::{JsonBody, Problem};

const MAX_ITEMS: usize = 100;
const MAX_QUANTITY: u32 = 10_000;
/// 2^53 - 1. Above it, a client that reads JSON numbers as doubles would see another price.
const MAX_AMOUNT: u64 = 9_007_199_254_740_991;

// A misspelt `discount_percent` must be an error, not a quote at full price: unknown fields are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteRequest {
    currency: String,
    items: Vec<Item>,
    #[serde(default)]
    discount_percent: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    /// In minor units.
    unit_price: u64,
    quantity: u32,
}

/// Amounts in minor units; `total` is `subtotal - discount`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Quote {
    currency: String,
    subtotal: u64,
    discount: u64,
    total: u64,
}

/// `POST /quotes`
pub(crate) async fn create(JsonBody(request): JsonBody<QuoteRequest>) -> Result<Json<Quote>, Problem> {
    quote(request).map(Json)
}

fn quote(request: QuoteRequest) -> Result<Quote, Problem> {
    validate(&request)?;
    let too_large = || Problem::invalid(format!("the subtotal must be at most {MAX_AMOUNT}"));

    let subtotal = request
        .items
        .iter()
        .try_fold(0_u64, |sum, item| sum.checked_add(item.unit_price.checked_mul(item.quantity.into())?))
        .filter(|&subtotal| subtotal <= MAX_AMOUNT)
        .ok_or_else(too_large)?;
    // Rounded down: a discount never gives away more than it says.
    let discount = subtotal.checked_mul(request.discount_percent.into()).ok_or_else(too_large)? / 100;
    let total = subtotal.checked_sub(discount).ok_or_else(too_large)?;

    Ok(Quote { currency: request.currency, subtotal, discount, total })
}

fn validate(request: &QuoteRequest) -> Result<(), Problem> {
    let currency = request.currency.as_bytes();
    if currency.len() != 3 || !currency.iter().all(u8::is_ascii_uppercase) {
        return Err(Problem::invalid("`currency` must be three capital letters, such as `EUR`"));
    }
    if request.items.is_empty() || request.items.len() > MAX_ITEMS {
        return Err(Problem::invalid(format!("`items` must hold 1 to {MAX_ITEMS} items")));
    }
    for (index, item) in request.items.iter().enumerate() {
        if item.quantity == 0 || item.quantity > MAX_QUANTITY {
            return Err(Problem::invalid(format!("`items[{index}].quantity` must be 1 to {MAX_QUANTITY}")));
        }
    }
    if request.discount_percent > 100 {
        return Err(Problem::invalid("`discount_percent` must be 0 to 100"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(items: &[(u64, u32)], discount_percent: u8) -> QuoteRequest {
        QuoteRequest {
            currency: "EUR".to_owned(),
            items: items.iter().map(|&(unit_price, quantity)| Item { unit_price, quantity }).collect(),
            discount_percent,
        }
    }

    #[test]
    fn adds_up_and_rounds_the_discount_down() {
        for (items, percent, expected) in [
            (&[(0, 1)][..], 0, (0, 0, 0)),
            (&[(1999, 2), (500, 1)], 0, (4498, 0, 4498)),
            (&[(1999, 2), (500, 1)], 10, (4498, 449, 4049)),
            (&[(1, 1)], 99, (1, 0, 1)),
            (&[(1234, 3)], 100, (3702, 3702, 0)),
            (&[(MAX_AMOUNT, 1)], 100, (MAX_AMOUNT, MAX_AMOUNT, 0)),
        ] {
            let quote = quote(request(items, percent)).ok();
            let got = quote.map(|quote| (quote.subtotal, quote.discount, quote.total));
            assert_eq!(got, Some(expected), "{items:?} less {percent} %");
        }
    }

    // Every pairing of the edges of each range: an answer must be consistent, and nothing may panic.
    #[test]
    fn any_input_is_refused_or_consistent() {
        let prices = [0, 1, 99, 100, MAX_AMOUNT, MAX_AMOUNT + 1, u64::MAX];
        let quantities = [0, 1, 2, MAX_QUANTITY, MAX_QUANTITY + 1, u32::MAX];
        for price in prices {
            for quantity in quantities {
                for percent in [0, 1, 50, 99, 100, 101, u8::MAX] {
                    for count in [0, 1, 2, MAX_ITEMS, MAX_ITEMS + 1] {
                        let case = format!("{count} x {quantity} x {price} less {percent} %");
                        let exact = u128::from(price) * u128::from(quantity) * count as u128;
                        let valid = (1..=MAX_ITEMS).contains(&count)
                            && (1..=MAX_QUANTITY).contains(&quantity)
                            && percent <= 100
                            && exact <= u128::from(MAX_AMOUNT);

                        match quote(request(&vec![(price, quantity); count], percent)) {
                            Ok(quote) => {
                                assert!(valid, "{case}");
                                assert_eq!(u128::from(quote.subtotal), exact, "{case}");
                                assert_eq!(quote.total + quote.discount, quote.subtotal, "{case}");
                                assert_eq!(u128::from(quote.discount), exact * u128::from(percent) / 100, "{case}");
                            }
                            Err(_) => assert!(!valid, "{case}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        for (currency, valid) in [
            ("EUR", true),
            ("USD", true),
            ("", false),
            ("EU", false),
            ("EURO", false),
            ("eur", false),
            ("E1R", false),
            ("ÄU", false),
        ] {
            let mut request = request(&[(1, 1)], 0);
            request.currency = currency.to_owned();
            assert_eq!(quote(request).is_ok(), valid, "`{currency}`");
        }
    }
}
