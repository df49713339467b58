//! The bodies that gateways and proxies put in the place of an answer (F3, F5).

use crate::fault::BodyForm;
use crate::fields::Fields;
use crate::reply::Reply;

/// Cloudflare's block page, shortened.
const CLOUDFLARE: &str = r#"<!DOCTYPE html>
<html lang="en-US"><head><title>Attention Required! | Cloudflare</title>
<meta charset="UTF-8"><meta name="robots" content="noindex, nofollow"></head>
<body><div id="cf-wrapper"><h1 data-translate="block_headline">Sorry, you have been blocked</h1>
<h2 class="cf-subheadline">You are unable to access x.com</h2>
<p>Cloudflare Ray ID: <strong class="font-semibold">8f0000000000fake</strong></p></div></body></html>
"#;

pub(super) fn cloudflare() -> Reply {
    let mut reply = Reply::html(403, CLOUDFLARE.to_owned());
    reply.set("server", "cloudflare");
    reply.set("cf-ray", "8f0000000000fake-FRA");
    reply
}

pub(super) fn status(status: u16, form: BodyForm) -> Reply {
    let status = status.clamp(200, 599);
    let title = reason(status);
    match form {
        BodyForm::Empty => Reply::empty(status),
        BodyForm::Html => Reply::html(
            status,
            format!(
                "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
            ),
        ),
        BodyForm::Json => {
            let fields = Fields::new()
                .with("title", title)
                .with("detail", title)
                .with("type", "about:blank")
                .with("status", status);
            Reply::problem(status, &fields)
        }
    }
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}
