use idempotent_runtime::idempotent;

#[idempotent]
struct Orders;

fn main() {}
