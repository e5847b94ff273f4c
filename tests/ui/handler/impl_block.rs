use idempotent_runtime::idempotent;

struct Orders;

#[idempotent]
impl Orders {}

fn main() {}
