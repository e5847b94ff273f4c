use http::{Extensions, HeaderMap};
use reqwest::{Request, Response, ResponseBuilderExt, Url};
use reqwest_middleware::{Error, Next, Result};

/// Longest response, in bytes, that is read before it is handed over.
const MAX_BUFFERED: u64 = 1 << 20;

/// Response of one try, with its body where the body was read.
#[derive(Debug)]
pub(crate) struct ReceivedResponse {
    head: http::Response<()>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Buffered(Vec<u8>),
    Streamed(reqwest::Body),
}

impl ReceivedResponse {
    /// Sends `request`. The response is read whole where its length is known and moderate, or where
    /// it is a problem. A response that is cut off is an error.
    pub(crate) async fn of(
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<ReceivedResponse> {
        let response = next.run(request, extensions).await?;
        let is_short = match response.content_length() {
            Some(length) => length <= MAX_BUFFERED,
            None => is_problem(response.headers()),
        };
        let url = response.url().clone();
        let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        parts.extensions.extend(with_url(url));
        let body = if is_short { Body::Buffered(read(body).await?) } else { Body::Streamed(body) };
        Ok(ReceivedResponse { head: http::Response::from_parts(parts, ()), body })
    }

    pub(crate) fn head(&self) -> &http::Response<()> {
        &self.head
    }

    /// The body, where it was read.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Buffered(bytes) => Some(bytes),
            Body::Streamed(_) => None,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let body = match self.body {
            Body::Buffered(bytes) => bytes.into(),
            Body::Streamed(body) => body,
        };
        Response::from(self.head.map(|()| body))
    }
}

/// Extensions from which reqwest takes the URL of a response that is built by hand.
fn with_url(url: Url) -> Extensions {
    let response = http::Response::builder().url(url).body(());
    response.map(|response| response.into_parts().0.extensions).unwrap_or_default()
}

async fn read(body: reqwest::Body) -> Result<Vec<u8>> {
    let (mut rest, mut whole) = (Response::from(http::Response::new(body)), Vec::new());
    while let Some(chunk) = rest.chunk().await? {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > MAX_BUFFERED {
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
