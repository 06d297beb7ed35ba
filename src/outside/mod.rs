//! Systems that are not Telnyx. None of its rules for ids, order or rates hold here.
//!
//! `notices` says what they are sent and what their answers mean, `hooks` sends it.

pub mod hooks;
pub mod notices;
