//! The words of the language: those of this version, and those of the whole language that it does not have yet.

/// Keys at the top.
pub const TOP: &[&str] = &[
    "version",
    "timezone",
    "defaults",
    "numbers",
    "lists",
    "schedules",
    "people",
    "ring_groups",
    "menus",
    "voicemail",
    "limits",
    "routes",
];
pub const TOP_LATER: &[&str] =
    &["tables", "switches", "holidays", "confirmations", "on_call", "escalations", "queues", "provision", "tests"];

pub const DEFAULTS: &[&str] =
    &["caller_id", "ringback", "answer_after", "voice", "language", "max_call", "max_wait", "timeout"];
pub const DEFAULTS_LATER: &[&str] = &["confirm_mobiles"];

pub const LINE: &[&str] = &["route", "on_missed"];
pub const LINE_LATER: &[&str] = &["tags"];

pub const LIMITS: &[&str] = &["outbound"];
pub const OUTBOUND: &[&str] = &["countries", "hops"];
pub const OUTBOUND_LATER: &[&str] = &["deny_premium", "spend_per_day"];

pub const LIST: &[&str] = &["file"];

pub const SCHEDULE: &[&str] = &["timezone", "weekly"];
pub const SCHEDULE_LATER: &[&str] = &["holidays"];

pub const PERSON: &[&str] = &["dial", "timeout"];
pub const PERSON_LATER: &[&str] = &["ext", "mobile", "schedule", "language"];

pub const GROUP: &[&str] = &["strategy", "members", "timeout", "ring_each", "caller_id"];
pub const GROUP_LATER: &[&str] = &["confirm", "skip_busy", "retry_declined"];
pub const STRATEGIES: &[&str] = &["simultaneous", "sequential"];
pub const STRATEGIES_LATER: &[&str] = &["round_robin", "random", "weighted_random", "least_recent"];
pub const MEMBER: &[&str] = &["person", "number", "group", "delay"];
pub const MEMBER_LATER: &[&str] = &["weight", "confirm", "last_agent", "on_call"];

/// What a step can do.
pub const ACTIONS: &[&str] =
    &["answer", "say", "play", "dial", "ring", "transfer", "menu", "voicemail", "reject", "hangup", "goto", "do"];
pub const ACTIONS_LATER: &[&str] = &[
    "escalate",
    "queue",
    "conference",
    "record",
    "http",
    "assistant",
    "send_digits",
    "refer",
    "notify",
    "set",
    "branch",
    "switch",
];
/// What stands beside it.
pub const OPTIONS: &[&str] = &["when", "on", "timeout", "caller_id", "ring_each", "strategy"];
pub const OPTIONS_LATER: &[&str] = &["confirm", "after_talk", "amd"];
pub const MENU: &[&str] = &["greeting", "keys", "timeout", "tries", "invalid", "on"];
pub const MENU_LATER: &[&str] = &["extensions"];
pub const MAILBOX: &[&str] = &["greeting", "beep", "max_length", "notify"];
pub const MAILBOX_LATER: &[&str] = &["transcribe"];
pub const PROMPT: &[&str] = &["say", "play"];
pub const HOOK: &[&str] = &["webhook"];
pub const HOOK_LATER: &[&str] = &["email", "sms", "pagerduty"];
pub const SAY: &[&str] = &["text", "voice", "language"];

pub const OUTCOMES_LATER: &[&str] = &["unavailable", "timeout", "full"];

pub const CONDITIONS: &[&str] = &["from", "to", "schedule", "not", "all", "any"];
pub const CONDITIONS_LATER: &[&str] = &["holiday", "stir_shaken", "screening", "header", "tag", "chance", "switch"];
pub const PATTERNS: &[&str] = &["list", "number", "prefix", "country"];

/// The options of an action, beside `when`.
pub fn options_of(action: &str) -> &'static [&'static str] {
    match action {
        "dial" | "transfer" => &["on", "timeout", "caller_id"],
        "menu" => &["on"],
        "ring" => &["on", "timeout", "caller_id", "ring_each", "strategy"],
        _ => &[],
    }
}
