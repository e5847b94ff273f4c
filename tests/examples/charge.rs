//! `charge`, whose shop is killed between its two effects, again and again.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use idempotent_runtime::store::Token;
use idempotent_tests::{
    Connection, Reply, post,
    program::{Program, command},
    scratch::Scratch,
};

use crate::gateway::rekeying;

/// Time in which a shop stands still between the charge and the order. It is so long that a kill in
/// the meantime hits the shop there.
pub(crate) const FOR_EVER: &str = "3600000";
/// Time in which something has to happen in a shop.
const EVENT_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn service(name: &str, settings: &[(&str, &str)]) -> Program {
    let mut command = command("charge");
    command.arg(name).envs(settings.iter().copied());
    Program::launch(command)
}

/// File of a shop and address of its provider, with which it is started again and again.
struct Shop {
    provider: String,
    folder: Scratch,
}

impl Shop {
    fn charging_at(provider: impl ToString) -> Shop {
        Shop { provider: format!("http://{}", provider.to_string()), folder: Scratch::new() }
    }

    /// Starts its process. Dropped, that is killed.
    fn start(&self, saving_takes: &str) -> Program {
        let store = format!("sqlite:{}", self.folder.file("shop.db").display());
        let settings = [("PROVIDER", &*self.provider), ("STORE", &store), ("SAVING_TAKES_MS", saving_takes)];
        service("shop", &settings)
    }

    /// Orders for `cents`, and kills the shop when the customer has been charged and the order is
    /// not saved. Gives what a retry is told.
    fn killed_between(&self, provider: &Program, cents: usize) -> Reply {
        let shop = self.start(FOR_EVER);
        let address = shop.address();
        let client = thread::spawn(move || told(address, cents));
        until(|| count(provider, "/charges", cents) == 1);
        drop(shop);
        assert!(client.join().unwrap().is_none(), "it was answered before it was killed");

        let shop = self.start("0");
        assert_eq!((count(provider, "/charges", cents), count(&shop, "/orders", cents)), (1, 0));
        let reply = told(shop.address(), cents).expect("the shop lives");
        assert!(!reply.is_replay(), "{reply:?}");
        reply
    }

    /// Asserts that a client is told again what it was told once, and that its order is there once.
    fn remembers(&self, replies: &[(usize, Reply)]) {
        let shop = self.start("0");
        for (cents, reply) in replies {
            let again = told(shop.address(), *cents).expect("the shop lives");
            assert_eq!((again.is_replay(), &again.body), (true, &reply.body), "{again:?}");
            assert_eq!(count(&shop, "/orders", *cents), 1);
        }
    }
}

/// An order is known by its price, which no other order has, and so is its key.
pub(crate) fn order(cents: usize) -> Vec<u8> {
    let key = format!("Idempotency-Key: order-{cents}");
    let body = format!(r#"{{"item":"tea","cents":{cents}}}"#);
    post("/orders", &["Content-Type: application/json", &key], body.as_bytes())
}

/// Answer of the shop at `address` to an order. The order is sent again while the shop says so.
/// `None` where the shop dies meanwhile.
pub(crate) fn told(address: SocketAddr, cents: usize) -> Option<Reply> {
    loop {
        let mut shop = Connection::try_open(address)?;
        shop.stream().write_all(&order(cents)).ok()?;
        let reply = shop.reply()?;
        if reply.status == 201 {
            return Some(reply);
        }
        assert_eq!(reply.json()["retryable"], true, "{reply:?}");
    }
}

/// Number of entries of a list that have this price.
pub(crate) fn count(program: &Program, path: &str, cents: usize) -> usize {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    let list = program.connect().exchange(request.as_bytes()).json();
    list.as_array().unwrap().iter().filter(|entry| entry["cents"] == cents).count()
}

pub(crate) fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + EVENT_TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < end, "it does not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_shop_killed_between_its_two_effects_charges_once_and_saves_once() {
    const SHOPS: usize = 10;
    const KILLS: usize = 10;
    let provider = &service("provider", &[]);
    thread::scope(|scope| {
        for number in 0..SHOPS {
            scope.spawn(move || {
                let shop = Shop::charging_at(provider.address());
                let orders = (1..=KILLS).map(|order| number * KILLS + order);
                let replies: Vec<_> =
                    orders.map(|cents| (cents, shop.killed_between(provider, cents))).collect();
                shop.remembers(&replies);
            });
        }
    });
    for cents in 1..=SHOPS * KILLS {
        assert_eq!(count(provider, "/charges", cents), 1, "{cents}");
    }
}

#[test]
fn a_shop_whose_key_is_another_one_on_every_attempt_charges_twice() {
    let provider = service("provider", &[]);
    let shop = Shop::charging_at(rekeying(provider.address()));
    shop.killed_between(&provider, 450);
    assert_eq!(count(&provider, "/charges", 450), 2);
}

/// Clients that order and retry until they are answered, at whatever shop runs.
struct Customers {
    shop: RwLock<Program>,
    next: AtomicUsize,
    interrupted: AtomicUsize,
    have_gone: AtomicBool,
    told: Mutex<Vec<(usize, Reply)>>,
}

impl Customers {
    fn order_until_gone(&self) {
        while !self.have_gone.load(SeqCst) {
            let cents = self.next.fetch_add(1, SeqCst);
            let reply = self.order(cents);
            self.told.lock().unwrap().push((cents, reply));
        }
    }

    fn order(&self, cents: usize) -> Reply {
        loop {
            let address = self.shop.read().unwrap().address();
            match told(address, cents) {
                Some(reply) => return reply,
                None => _ = self.interrupted.fetch_add(1, SeqCst),
            }
        }
    }
}

#[test]
fn a_shop_killed_at_random_moments_charges_once_and_saves_once() {
    const CUSTOMERS: usize = 8;
    const KILLS: usize = 40;
    let provider = service("provider", &[]);
    let shop = Shop::charging_at(provider.address());
    let customers = &Customers {
        shop: RwLock::new(shop.start("20")),
        next: AtomicUsize::new(1),
        interrupted: AtomicUsize::new(0),
        have_gone: AtomicBool::new(false),
        told: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..CUSTOMERS {
            scope.spawn(|| customers.order_until_gone());
        }
        for _ in 0..KILLS {
            let random = Token::random().unwrap().as_bytes()[0];
            thread::sleep(Duration::from_millis(50 + u64::from(random)));
            *customers.shop.write().unwrap() = shop.start("20");
        }
        customers.have_gone.store(true, SeqCst);
    });
    let told = customers.told.lock().unwrap();
    assert!(customers.interrupted.load(SeqCst) >= KILLS, "nobody was interrupted");
    println!("{} orders, {} tries interrupted", told.len(), customers.interrupted.load(SeqCst));
    shop.remembers(&told);
    for (cents, _) in &*told {
        assert_eq!(count(&provider, "/charges", *cents), 1, "{cents}");
    }
}

#[test]
fn with_no_argument_it_tells_how_it_ends_by_itself() {
    let told = command("charge").output().unwrap();
    let story = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.status.code(), Some(0), "{story}");
    assert!(story.contains("\n   orders:  []\n") && story.contains("\nCharges: 2. Orders: 2.\n"), "{story}");
}
