//! Its test, of five lines.

use actix_web::{App, web::Data};
use idempotent_runtime::testing::serve;
use own_endpoint::{Orders, create_order};

#[actix_web::test]
async fn an_order_sent_again_is_made_once() {
    let orders = Data::new(Orders::default());
    let data = orders.clone();
    let server = serve(move || App::new().app_data(data.clone()).service(create_order));
    let request = server.post("/orders").body("tea");
    request.assert_once(async || orders.0.lock().unwrap().len()).await;
}
