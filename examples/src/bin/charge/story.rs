//! The story, told with both services as processes of their own.

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Error as IoError},
    path::PathBuf,
    process::{self, Child, ChildStdout, Command, Stdio},
    slice,
    time::Duration,
};

use actix_web::rt;
use awc::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

type Told<T> = Result<T, Box<dyn Error>>;

pub(crate) async fn tell() -> Told<()> {
    let files = Files::new()?;
    let provider = Service::start("provider", &[])?;
    let settings = [("PROVIDER", provider.url.clone()), ("STORE", files.store())];
    println!(
        "1. A payment service is started, and a shop that takes its time between the charge and the order."
    );
    let slow = ("SAVING_TAKES_MS", "3600000".to_owned());
    let shop = Service::start("shop", &[&settings[..], slice::from_ref(&slow)].concat())?;

    println!(
        "2. Alice orders tea. Her card is charged, and then the shop's process is killed: she gets no answer."
    );
    let charges = format!("{}/charges", provider.url);
    killed_over_an_order(shop, &charges, "tea-for-alice").await?;

    println!("3. The shop is started again. This is all that is left:");
    let shop = Service::start("shop", &settings[..])?;
    let orders = format!("{}/orders", shop.url);
    let (charged, saved) = (list(&charges).await?, list(&orders).await?);
    println!("   charges: {charged}\n   orders:  {saved}");

    println!(
        "4. Her client tries again, with the same key. The handler runs again, and calls the payment service again:"
    );
    println!("   {}", order(shop.url.clone(), "tea-for-alice").await?);
    let (charged, saved) = (list(&charges).await?, list(&orders).await?);
    println!("   charges: {charged}\n   orders:  {saved}");

    println!("5. Bob orders tea. The shop is killed in the same place, and Bob never tries again.");
    let shop = Service::start("shop", &[&settings[..], &[slow]].concat())?;
    killed_over_an_order(shop, &charges, "tea-for-bob").await?;

    println!(
        "6. The shop is started again, and looks every second after orders that died. It finds Bob's by itself:"
    );
    let every = ("RECONCILE_EVERY_MS", "1000".to_owned());
    let shop = Service::start("shop", &[&settings[..], &[every]].concat())?;
    let orders = format!("{}/orders", shop.url);
    while count(&list(&orders).await?) < 2 {
        sleep(Duration::from_millis(50)).await;
    }
    let (charged, saved) = (list(&charges).await?, list(&orders).await?);
    println!("   charges: {charged}\n   orders:  {saved}");
    let (charged, saved) = (count(&charged), count(&saved));
    println!("\nCharges: {charged}. Orders: {saved}.\n{BY_HAND}");
    if (charged, saved) == (2, 2) { Ok(()) } else { Err("that is not two of each".into()) }
}

const BY_HAND: &str = r#"
# To try it by hand: a payment service, a slow shop, and an order, each in a terminal of its own.
cargo run -p idempotent-examples --bin charge provider
SAVING_TAKES_MS=20000 cargo run -p idempotent-examples --bin charge shop
curl -i http://127.0.0.1:8080/orders -H 'Idempotency-Key: tea-for-alice' --json '{"item":"tea","cents":450}'

# Kill the shop meanwhile, with the line it has printed. A charge, and no order. Start it again, and send the order again.
curl http://127.0.0.1:8081/charges
cargo run -p idempotent-examples --bin charge shop

# Or send nothing again, and let the shop look after it.
RECONCILE_EVERY_MS=1000 cargo run -p idempotent-examples --bin charge shop
curl http://127.0.0.1:8080/orders
"#;

/// Sends an order of tea, and kills the shop when the customer has been charged.
async fn killed_over_an_order(shop: Service, charges: &str, key: &'static str) -> Told<()> {
    let before = count(&list(charges).await?);
    let waiting = rt::spawn(order(shop.url.clone(), key));
    while count(&list(charges).await?) == before {
        sleep(Duration::from_millis(10)).await;
    }
    drop(shop);
    match waiting.await? {
        Ok(answer) => Err(format!("the shop was killed too late, and said {answer}").into()),
        Err(_) => Ok(()),
    }
}

/// Sends the order, and gives what the shop says.
async fn order(shop: String, key: &'static str) -> Result<String, String> {
    let request = Client::default().post(format!("{shop}/orders")).insert_header(("Idempotency-Key", key));
    let sent = request.send_json(&json!({ "item": "tea", "cents": 450 })).await;
    let mut response = sent.map_err(|error| error.to_string())?;
    let body = response.body().await.map_err(|error| error.to_string())?;
    Ok(format!("{} {}", response.status(), String::from_utf8_lossy(&body)))
}

async fn list(url: &str) -> Told<Value> {
    let mut response = Client::default().get(url).send().await.map_err(|error| error.to_string())?;
    Ok(response.json().await?)
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// One of the two services. Killed (`kill -9`) when dropped.
struct Service {
    child: Child,
    url: String,
    /// Kept open, or the service could not print any more.
    _output: BufReader<ChildStdout>,
}

impl Service {
    /// Starts it on a free port, and returns when it listens.
    fn start(name: &str, settings: &[(&str, String)]) -> Told<Service> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(name).env("PORT", "0").envs(settings.iter().cloned()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("it has no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let url = line.trim_end().strip_prefix("Listening on ").unwrap_or_default().to_owned();
        let service = Service { child, url, _output: output };
        if service.url.is_empty() { Err(format!("the {name} does not start").into()) } else { Ok(service) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for the shop's file. Removed when dropped.
struct Files(PathBuf);

impl Files {
    fn new() -> Result<Files, IoError> {
        let folder = env::temp_dir().join(format!("idempotent-charge-{}", process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Files(folder))
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.0.join("shop.db").display())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
