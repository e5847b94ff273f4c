//! `charge`, whose shops are killed between their two effects, and whose clients never come back.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::Write,
    time::{Duration, Instant},
};

use idempotent_tests::{Connection, program::Program, scratch::Scratch};

use crate::charge::{FOR_EVER, count, order, service, until};

/// Number of kills, unless `CHARGE_KILLS` says another.
const KILLS: usize = 20;

/// One of two shops on one file, which look after what has died.
fn start(provider: &Program, store: &str) -> Program {
    let provider = format!("http://{}", provider.address());
    let settings = [
        ("PROVIDER", &*provider),
        ("STORE", store),
        ("SAVING_TAKES_MS", FOR_EVER),
        ("RECONCILE_EVERY_MS", "500"),
    ];
    service("shop", &settings)
}

fn list(shop: &Program, path: &str) -> serde_json::Value {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    shop.connect().exchange(request.as_bytes()).json()
}

#[test]
fn orders_of_killed_shops_stand_and_are_charged_once_although_nobody_retries() {
    let kills = env::var("CHARGE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let (provider, folder) = (service("provider", &[]), Scratch::new());
    let store = format!("sqlite:{}", folder.file("shop.db").display());
    let mut shops = [start(&provider, &store), start(&provider, &store)];
    for cents in 1..=kills {
        let shop = &mut shops[cents % 2];
        let client = Connection::try_open(shop.address()).unwrap();
        client.stream().write_all(&order(cents)).unwrap();
        until(|| count(&provider, "/charges", cents) == 1);
        // The old one is killed when it is replaced.
        *shop = start(&provider, &store);
        drop(client);
    }
    let killed = Instant::now();
    until(|| list(&shops[0], "/orders").as_array().unwrap().len() == kills);
    println!("{kills} kills; the last order stood {:?} after the last kill", killed.elapsed());
    for cents in 1..=kills {
        assert_eq!(
            (count(&provider, "/charges", cents), count(&shops[1], "/orders", cents)),
            (1, 1),
            "{cents}"
        );
    }
    // A lease of a second, an interval, and some time for whoever is at it.
    std::thread::sleep(Duration::from_secs(2));
    let asked: Vec<(String, u64)> = serde_json::from_value(list(&shops[0], "/reconciled")).unwrap();
    let each: BTreeSet<_> = asked.iter().collect();
    assert_eq!(each.len(), asked.len(), "one attempt was asked about twice");
    let mut attempts = BTreeMap::<_, Vec<u64>>::new();
    for (order, attempt) in asked {
        attempts.entry(order).or_default().push(attempt);
    }
    assert_eq!(attempts.len(), kills);
    // A shop that is killed while it asks has decided nothing: the next attempt is asked about.
    let again = attempts.values().filter(|attempts| attempts.len() > 1).count();
    println!("{again} were asked about again, since the shop that asked was killed over it");
}
