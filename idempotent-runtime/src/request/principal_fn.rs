//! Functions of an application that tell who calls.

use std::{marker::PhantomData, sync::Arc};

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload};

use crate::principal::{Extracting, ExtractingPrincipal, Principal, PrincipalFuture};

/// An async function that tells who calls, with up to twelve extractors as its arguments.
///
/// All such functions implement this, also closures that capture: `async |session: Session| …`. It
/// is called before the body is read, so its extractors find the body empty. The error of an
/// extractor is the function's own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell who calls",
    label = "expected an async function with up to 12 extractors that returns `Result<Principal, actix_web::Error>`",
    note = "write for instance `async fn caller(session: Session) -> Result<Principal, actix_web::Error>`"
)]
pub trait PrincipalFn<Args>: 'static {
    /// Caller of `request`.
    ///
    /// # Errors
    /// A caller who may not call: the error is the response.
    fn principal(&self, request: &HttpRequest) -> impl Future<Output = Result<Principal, Error>>;
}

macro_rules! implement {
    ($($arg:ident)*) => {
        impl<Function, $($arg: FromRequest + 'static),*> PrincipalFn<($($arg,)*)> for Function
        where
            Function: AsyncFn($($arg),*) -> Result<Principal, Error> + 'static,
        {
            #[allow(non_snake_case, reason = "each argument is called like its type")]
            async fn principal(&self, request: &HttpRequest) -> Result<Principal, Error> {
                let ($($arg,)*): ($($arg,)*) = extract(request).await?;
                self($($arg),*).await
            }
        }
    };
}

implement!();
implement!(A);
implement!(A B);
implement!(A B C);
implement!(A B C D);
implement!(A B C D E);
implement!(A B C D E F);
implement!(A B C D E F G);
implement!(A B C D E F G H);
implement!(A B C D E F G H I);
implement!(A B C D E F G H I J);
implement!(A B C D E F G H I J K);
implement!(A B C D E F G H I J K L);

async fn extract<Args: FromRequest>(request: &HttpRequest) -> Result<Args, Error> {
    Args::from_request(request, &mut Payload::None).await.map_err(Into::into)
}

/// Asks `function` who sends `request`.
pub fn principal<Function, Args>(function: Function, request: &HttpRequest) -> PrincipalFuture<'_>
where
    Function: PrincipalFn<Args>,
{
    Box::pin(async move { function.principal(request).await })
}

/// Function of the request's head.
type Plain = dyn Fn(&HttpRequest) -> Result<Principal, Error> + Send + Sync;

/// Function that an application has set for all of its endpoints.
#[derive(Clone)]
pub(crate) enum AppPrincipal {
    /// Needs only the head of the request, and has nothing to wait for.
    Plain(Arc<Plain>),
    Extracting(ExtractingPrincipal),
}

impl AppPrincipal {
    /// True where both are one function, and not two that do the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (AppPrincipal::Plain(one), AppPrincipal::Plain(other)) => Arc::ptr_eq(one, other),
            (AppPrincipal::Extracting(one), AppPrincipal::Extracting(other)) => Arc::ptr_eq(&one.0, &other.0),
            _ => false,
        }
    }
}

/// `function`, without the types of its extractors.
pub(crate) fn extracting<Args: 'static>(
    function: impl PrincipalFn<Args> + Send + Sync,
) -> ExtractingPrincipal {
    ExtractingPrincipal(Arc::new(Extractor { function, args: PhantomData }))
}

struct Extractor<Function, Args> {
    function: Function,
    args: PhantomData<fn(Args)>,
}

impl<Function, Args> Extracting for Extractor<Function, Args>
where
    Function: PrincipalFn<Args> + Send + Sync,
{
    fn principal<'a>(&'a self, request: &'a HttpRequest) -> PrincipalFuture<'a> {
        Box::pin(self.function.principal(request))
    }
}
