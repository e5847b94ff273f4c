//! A customer who is charged once, whenever the shop dies:
//! `cargo run -p idempotent-examples --bin charge`.
//!
//! An order has two effects in two places: a charge at a payment service, and a row in the shop's
//! own database. No transaction spans both, so the shop can die between them. `shop.rs` is safe all
//! the same: the payment service takes an idempotency key, and the shop sends one that is the same
//! on every attempt, `context.derive_key("charge")`.
//!
//! With no argument the program shows it: it starts both services, kills the shop between the two
//! effects, starts the shop again and retries. Then it does so once more, and nobody retries: the
//! shop finds the order by itself, by `reconcile_stuck`. `charge provider` and `charge shop` are
//! the two services, to try it by hand.

mod payments;
mod provider;
mod shop;
mod story;

use std::{env, error::Error};

use idempotent_examples::give_up;
use tracing_subscriber::filter::LevelFilter;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).init();
    match env::args().nth(1).as_deref() {
        None => story::tell().await,
        Some("provider") => provider::run().await,
        Some("shop") => shop::run().await,
        Some(other) => {
            give_up(format_args!("the services are `charge provider` and `charge shop`, not {other:?}"))
        }
    }
}
