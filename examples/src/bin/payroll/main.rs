//! A payroll that pays everybody once, whenever it dies, or the ledger does:
//! `cargo run -p idempotent-examples --bin payroll`.
//!
//! It pays `SALARIES` salaries (30) out of Alice's account at the ledger at `LEDGER`
//! (`http://127.0.0.1:8080`, where the example `ledger` is). It keeps what it knows in the folder
//! `PAYROLL` (by default one in the temporary directory): the salaries that have been paid, and the
//! keys of those that may have been. Kill it (`kill -9`) whenever you like, and start it again: it
//! goes on.

mod paid;

use std::{env, path::PathBuf, sync::Arc};

use idempotent_client::{BoxError, FileJournal, Idempotent, Journal, Operation};
use idempotent_examples::give_up;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use paid::Paid;

/// Number of salaries that are on their way at a time.
const AT_A_TIME: usize = 8;

struct Payroll {
    client: ClientWithMiddleware,
    transfers: String,
    keys: FileJournal,
    paid: Paid,
}

impl Payroll {
    fn open() -> Result<Payroll, BoxError> {
        let folder = env::var_os("PAYROLL").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| env::temp_dir().join("idempotent-payroll"));
        let ledger = env::var("LEDGER").unwrap_or("http://127.0.0.1:8080".to_owned());
        let keys = FileJournal::open(folder.join("keys"))?;
        let idempotent = Idempotent::builder().journal(keys.clone()).build();
        let client = ClientBuilder::new(reqwest::Client::new()).with(idempotent).build();
        let paid = Paid::open(&folder.join("paid"))?;
        Ok(Payroll { client, transfers: format!("{ledger}/transfers"), keys, paid })
    }

    /// Pays a salary, if that has not been done.
    ///
    /// The order of the steps makes it once. Its key is on disk before the request is first sent
    /// (the middleware sees to that), and the answer is on disk before the key is forgotten. A
    /// process that dies in between sends the request again with the same key, and gets the same
    /// answer.
    async fn pay(&self, number: usize) -> Result<(), BoxError> {
        let name = format!("salary-{number}");
        if !self.paid.has(&name) {
            let answer = self.transfer(&name, number).await?;
            self.paid.write(&name, &answer)?;
        }
        self.keys.forget(&name).await
    }

    /// Answer of the ledger to the transfer, if it says that the transfer is done.
    async fn transfer(&self, name: &str, number: usize) -> Result<Value, BoxError> {
        let to = if number.is_multiple_of(2) { "bob" } else { "carol" };
        let transfer = json!({ "from": "alice", "to": to, "cents": number });
        let request = self.client.post(&self.transfers).json(&transfer);
        let answer = request.with_extension(Operation::named(name.to_owned())).send().await?;
        let (status, answer) = (answer.status(), answer.text().await?);
        if status.is_success() {
            Ok(serde_json::from_str(&answer)?)
        } else {
            Err(format!("{name} is not paid: {status} {answer}").into())
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let salaries = env::var("SALARIES").unwrap_or("30".to_owned());
    let salaries = salaries.parse().unwrap_or_else(|_| give_up("SALARIES has to be a number"));
    match pay_all(salaries).await {
        Ok(()) => println!("{salaries} salaries are paid."),
        Err(error) => give_up(format_args!("{error}; start it again to go on")),
    }
}

async fn pay_all(salaries: usize) -> Result<(), BoxError> {
    let payroll = Arc::new(Payroll::open()?);
    let mut running = JoinSet::new();
    for number in 1..=salaries {
        if running.len() == AT_A_TIME {
            one_has_ended(&mut running).await?;
        }
        let payroll = Arc::clone(&payroll);
        running.spawn(async move { payroll.pay(number).await });
    }
    while !running.is_empty() {
        one_has_ended(&mut running).await?;
    }
    Ok(())
}

async fn one_has_ended(running: &mut JoinSet<Result<(), BoxError>>) -> Result<(), BoxError> {
    running.join_next().await.unwrap_or(Ok(Ok(())))?
}
