use idempotent_runtime::idempotent;

#[idempotent]
async fn create() {}

fn main() {}
