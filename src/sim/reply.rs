//! What a request is answered with, and the shape of refusals.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::switches::{ErrorCode, Switches, TooManyHint};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// There never is an answer: the request hangs until the one who asks gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: String,
    pub title: &'static str,
    pub detail: String,
    /// The field that is wrong.
    pub field: Option<String>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Errors {
    errors: [Problem; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    telnyx_error: Option<Value>,
}

#[derive(Serialize)]
struct Problem {
    code: Value,
    title: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Value>,
}

impl Reply {
    /// 200 with this as `data`.
    pub(super) fn data(data: &Value) -> Self {
        Self::ok(&json!({ "data": data }))
    }

    /// 200 with this body.
    pub(super) fn ok(body: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    /// The answer every accepted action gets.
    pub(super) fn accepted() -> Self {
        Self::data(&json!({ "result": "ok" }))
    }

    /// The answer that names the recording which begins.
    pub(super) fn records(id: Uuid) -> Self {
        Self::data(&json!({ "recording_id": id, "result": "ok" }))
    }

    pub(super) fn refused(refusal: &Refusal, switches: &Switches) -> Self {
        let d_code = refusal.code.starts_with('D');
        let (code, telnyx_error) = match switches.error_code {
            ErrorCode::Text => (Value::from(refusal.code.as_str()), None),
            ErrorCode::Number if d_code => (Value::from(10010), Some(json!({ "error_code": refusal.code }))),
            ErrorCode::Number => {
                let number = refusal.code.parse::<u32>();
                (number.map_or_else(|_| Value::from(refusal.code.as_str()), Value::from), None)
            }
        };
        let source = refusal.field.as_ref().map(|field| json!({ "pointer": format!("/{field}") }));
        let problem = Problem { code, title: refusal.title, detail: refusal.detail.clone(), source };
        let body = serde_json::to_vec(&Errors { errors: [problem], telnyx_error }).unwrap_or_default();
        let hint = match switches.too_many_hint {
            TooManyHint::RetryAfter => Some("retry-after"),
            TooManyHint::Reset => Some("x-ratelimit-reset"),
            TooManyHint::None => None,
        };
        let headers = hint.zip(refusal.retry_after).map(|(name, secs)| (name, secs.to_string()));
        Self { status: refusal.status, headers: headers.into_iter().collect(), body }
    }
}

impl Refusal {
    pub fn new(status: u16, code: &str, title: &'static str, detail: &str) -> Self {
        let (code, detail) = (code.to_owned(), detail.to_owned());
        Self { status, code, title, detail, field: None, retry_after: None }
    }

    /// The same, about this field.
    pub fn of(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    pub fn after(mut self, secs: u64) -> Self {
        self.retry_after = Some(secs);
        self
    }

    pub fn not_found() -> Self {
        Self::new(404, "10005", "Resource not found", "There is nothing at this address.")
    }

    pub fn server_error() -> Self {
        Self::new(500, "10007", "Internal server error", "Something went wrong on our side.")
    }

    pub fn too_many(secs: u64) -> Self {
        Self::new(429, "10011", "Too many requests", "The rate limit is reached.").after(secs)
    }

    /// Nothing public says what stands in the body of a 409.
    pub fn under_way() -> Self {
        Self::new(409, "10021", "Resource in use", "Another command for the call is being carried out.")
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "10009", "Authentication failed", "The API key is missing or wrong.")
    }

    pub fn ended() -> Self {
        Self::new(422, "90018", "Call has already ended", "The call takes no more commands: it has ended.")
    }

    pub fn not_answered() -> Self {
        Self::new(422, "90034", "Call not answered yet", "The call has to be answered before this command.")
    }

    pub fn no_such_call() -> Self {
        Self::new(422, "90015", "Invalid Call Control ID", "There is no call with this call_control_id.")
    }

    pub fn unfit(detail: &str) -> Self {
        Self::new(422, "10015", "Bad Request", detail)
    }
}
