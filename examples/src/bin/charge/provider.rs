//! A stand-in for a payment service. It charges once per `Idempotency-Key`, as real ones do, and
//! tells what it has charged.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
};

use actix_web::{App, HttpResponse, HttpServer, Responder, get, post, web};
use idempotent_examples::{listen_on, url};
use idempotent_runtime::idempotent;

use crate::payments::{Charge, NewCharge};

/// All charges, in the memory of the process.
#[derive(Default)]
struct Charges(Mutex<Vec<Charge>>);

#[post("/charges")]
#[idempotent(ttl = "24h", scope = "endpoint")]
async fn create_charge(new: web::Json<NewCharge>, charges: web::Data<Charges>) -> impl Responder {
    let NewCharge { order, item, cents } = new.into_inner();
    let mut charges = charges.0.lock().unwrap_or_else(PoisonError::into_inner);
    let charge = Charge { id: format!("ch_{}", charges.len() + 1), order, item, cents };
    charges.push(charge.clone());
    HttpResponse::Created().json(charge)
}

#[get("/charges")]
async fn list_charges(charges: web::Data<Charges>) -> impl Responder {
    web::Json(charges.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

#[get("/charges/{order}")]
async fn find_charge(order: web::Path<String>, charges: web::Data<Charges>) -> impl Responder {
    let charges = charges.0.lock().unwrap_or_else(PoisonError::into_inner);
    match charges.iter().find(|charge| charge.order == *order) {
        Some(charge) => HttpResponse::Ok().json(charge),
        None => HttpResponse::NotFound().finish(),
    }
}

pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let listener = listen_on("8081");
    println!("Listening on {0}\n\n# What customers have been charged.\ncurl {0}/charges", url(&listener));
    let charges = web::Data::new(Charges::default());
    let app =
        move || App::new().app_data(charges.clone()).service((create_charge, list_charges, find_charge));
    HttpServer::new(app).listen(listener)?.run().await?;
    Ok(())
}
