use http::{Extensions, HeaderMap};
use reqwest::{Request, Response, ResponseBuilderExt, Url};
use reqwest_middleware::{Error, Next, Result};

/// Up to this length in bytes an answer is read before it is handed over.
const WHOLE: u64 = 1 << 20;

/// Response of one try, with its body where the body was read.
#[derive(Debug)]
pub(crate) struct Answer {
    head: http::Response<()>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Whole(Vec<u8>),
    Passing(reqwest::Body),
}

impl Answer {
    /// Sends `request`. The answer is read whole where its length is known and moderate, or where
    /// it is a problem. An answer that is cut off is an error.
    pub(crate) async fn to(request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Answer> {
        let response = next.run(request, extensions).await?;
        let is_short = match response.content_length() {
            Some(length) => length <= WHOLE,
            None => is_problem(response.headers()),
        };
        let url = response.url().clone();
        let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        parts.extensions.extend(of(url));
        let body = if is_short { Body::Whole(read(body).await?) } else { Body::Passing(body) };
        Ok(Answer { head: http::Response::from_parts(parts, ()), body })
    }

    pub(crate) fn head(&self) -> &http::Response<()> {
        &self.head
    }

    /// The body, where it was read.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Whole(bytes) => Some(bytes),
            Body::Passing(_) => None,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let body = match self.body {
            Body::Whole(bytes) => bytes.into(),
            Body::Passing(body) => body,
        };
        Response::from(self.head.map(|()| body))
    }
}

/// Extensions from which reqwest takes the URL of a response that is built by hand.
fn of(url: Url) -> Extensions {
    let carrier = http::Response::builder().url(url).body(());
    carrier.map(|carrier| carrier.into_parts().0.extensions).unwrap_or_default()
}

async fn read(body: reqwest::Body) -> Result<Vec<u8>> {
    let (mut rest, mut whole) = (Response::from(http::Response::new(body)), Vec::new());
    while let Some(chunk) = rest.chunk().await? {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > WHOLE {
            return Err(Error::Middleware(std::io::Error::other("a problem of more than 1 MiB").into()));
        }
    }
    Ok(whole)
}

/// True for the headers of problem details (RFC 9457).
pub(crate) fn is_problem(headers: &HeaderMap) -> bool {
    let media_type = headers.get("content-type").and_then(|value| value.to_str().ok()?.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/problem+json"))
}
