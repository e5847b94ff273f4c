//! `charge`, whose shops are killed between their two effects, and whose clients never come back.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::Write,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
    time::Instant,
};

use idempotent_tests::{Connection, program::Program, scratch::Scratch};

use crate::{
    charge::{FOR_EVER, count, order, service, told, until},
    gateway::gateway,
};

/// Number of kills, unless `CHARGE_KILLS` says another.
const KILLS: usize = 20;

/// One of two shops on one file, which look after what has died.
fn start(provider: SocketAddr, store: &str) -> Program {
    start_with(provider, store, FOR_EVER, "3600")
}

fn start_with(provider: SocketAddr, store: &str, saving_takes: &str, longest_charge: &str) -> Program {
    let provider = format!("http://{provider}");
    let settings = [
        ("PROVIDER", &*provider),
        ("STORE", store),
        ("SAVING_TAKES_MS", saving_takes),
        ("RECONCILE_EVERY_MS", "500"),
        ("LONGEST_CHARGE_SECONDS", longest_charge),
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
    let mut shops = [start(provider.address(), &store), start(provider.address(), &store)];
    for cents in 1..=kills {
        let shop = &mut shops[cents % 2];
        let client = Connection::try_open(shop.address()).unwrap();
        client.stream().write_all(&order(cents)).unwrap();
        until(|| count(&provider, "/charges", cents) == 1);
        // The old one is killed when it is replaced.
        *shop = start(provider.address(), &store);
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
    // Whoever asks later is told, and so nothing is left to be asked about.
    for cents in 1..=kills {
        let reply = told(shops[1].address(), cents).expect("the shop lives");
        assert!(reply.is_replay(), "{reply:?}");
    }
    let asked: Vec<(String, u64)> = serde_json::from_value(list(&shops[0], "/reconciled")).unwrap();
    let each: BTreeSet<_> = asked.iter().collect();
    assert_eq!(each.len(), asked.len(), "one attempt was asked about twice");
    let mut attempts = BTreeMap::<_, Vec<u64>>::new();
    for (order, attempt) in asked {
        attempts.entry(order).or_default().push(attempt);
    }
    assert_eq!(attempts.len(), kills);
    // A shop that is killed while it asks has decided nothing: the next attempt is asked about. It
    // asks about one at a time.
    let again = attempts.values().map(|attempts| attempts.len() - 1).sum::<usize>();
    println!("{again} were asked about again, since the shop that asked was killed over it");
    assert!(again <= kills, "{again}");
}

/// Holds charges that are under way.
#[derive(Default)]
struct Held {
    /// Number of charges that have come, and whether they may go on.
    charges: Mutex<(usize, bool)>,
    opened: Condvar,
}

impl Held {
    fn hold(&self, message: &[u8]) {
        if !message.starts_with(b"POST") {
            return;
        }
        let mut charges = self.charges.lock().unwrap();
        charges.0 += 1;
        drop(self.opened.wait_while(charges, |(_, are_open)| !*are_open).unwrap());
    }

    fn count(&self) -> usize {
        self.charges.lock().unwrap().0
    }

    fn let_go(&self) {
        self.charges.lock().unwrap().1 = true;
        self.opened.notify_all();
    }
}

/// A payment service behind a gateway that holds charges, and a shop that has died over an order.
struct UnderWay {
    provider: Program,
    gateway: SocketAddr,
    held: Arc<Held>,
    folder: Scratch,
}

impl UnderWay {
    fn new() -> UnderWay {
        let (provider, held) = (service("provider", &[]), Arc::new(Held::default()));
        let slow = held.clone();
        let gateway = gateway(provider.address(), move |message| slow.hold(message));
        let dead = UnderWay { provider, gateway, held, folder: Scratch::new() };
        let shop = dead.shop("3600");
        let client = Connection::try_open(shop.address()).unwrap();
        client.stream().write_all(&order(450)).unwrap();
        until(|| dead.held.count() == 1);
        dead
    }

    /// A shop that looks after what has died.
    fn shop(&self, longest_charge: &str) -> Program {
        let store = format!("sqlite:{}", self.folder.file("shop.db").display());
        start_with(self.gateway, &store, "0", longest_charge)
    }

    /// Charges and orders so far.
    fn count(&self, shop: &Program) -> (usize, usize) {
        (count(&self.provider, "/charges", 450), count(shop, "/orders", 450))
    }
}

#[test]
fn an_order_whose_charge_is_under_way_when_its_shop_dies_stands_too() {
    let dead = UnderWay::new();
    let shop = dead.shop("3600");
    // The payment service knows nothing of it yet, and the shop asks again.
    until(|| list(&shop, "/reconciled").as_array().unwrap().len() >= 2);
    assert_eq!(dead.count(&shop), (0, 0));
    dead.held.let_go();
    until(|| dead.count(&shop) == (1, 1));
}

#[test]
fn a_key_whose_charge_has_not_come_in_time_is_free_and_a_retry_is_charged_once() {
    let dead = UnderWay::new();
    let shop = dead.shop("1");
    let are_looked_after = || !list(&shop, "/reconciled").as_array().unwrap().is_empty();
    until(are_looked_after);
    until(|| !are_looked_after());
    assert_eq!(dead.count(&shop), (0, 0));
    dead.held.let_go();
    until(|| dead.count(&shop) == (1, 0));
    assert!(!told(shop.address(), 450).expect("the shop lives").is_replay());
    assert_eq!(dead.count(&shop), (1, 1));
}
