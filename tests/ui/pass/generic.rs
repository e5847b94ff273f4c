#![deny(warnings, unreachable_pub)]
#![forbid(unsafe_code)]

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::idempotent;

pub trait Repo: 'static {
    fn add(&self, number: usize) -> usize;
}

pub struct InMemory;

impl Repo for InMemory {
    fn add(&self, number: usize) -> usize {
        number
    }
}

#[idempotent]
pub async fn create<R: Repo>(repo: web::Data<R>, number: web::Path<usize>) -> impl Responder {
    HttpResponse::Created().body(repo.add(*number).to_string())
}

#[idempotent(scope = "resource")]
async fn bounded<'a, R, const N: usize>(repo: web::Data<R>) -> Result<impl Responder, actix_web::Error>
where
    R: Repo + 'a,
{
    Ok(HttpResponse::Created().body(repo.add(N).to_string()))
}

fn main() {
    let _ = web::post().to(create::<InMemory>);
    let _ = web::post().to(bounded::<InMemory, 3>);
}
