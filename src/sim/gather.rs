//! Gathers: a caller hears something and presses keys, one input at a time.

use std::time::Duration;

use super::agenda::Due;
use super::fields::Fields;
use super::ledger::{CommandNo, LegNo, What};
use super::leg::{Gather, Item, State};
use super::reply::Refusal;
use super::wire::News;
use super::world::World;

impl Gather {
    /// Reads what is asked for; the prompt is read by whoever knows media.
    pub fn read(fields: &Fields, prompt: Item) -> Result<Self, Refusal> {
        let number = |name: &str, least: u64, most: u64, usual: u64| {
            fields.number(name, least..=most).map(|number| number.unwrap_or(usual))
        };
        let (least, most) = (number("minimum_digits", 1, 128, 1)?, number("maximum_digits", 1, 128, 128)?);
        if least > most {
            return Err(Refusal::unfit("There cannot be more digits at least than at most.").of("minimum_digits"));
        }
        Ok(Self {
            no: 0,
            prompt,
            timeout: Duration::from_millis(number("timeout_millis", 1, 600_000, 60_000)?),
            least: usize::try_from(least).unwrap_or(1),
            most: usize::try_from(most).unwrap_or(128),
            valid: fields.text("valid_digits")?.unwrap_or("0123456789#*").to_owned(),
            terminating: fields.text("terminating_digit")?.unwrap_or("#").to_owned(),
            tries: number("maximum_tries", 1, 128, 3)?,
            digits: String::new(),
        })
    }
}

impl World {
    /// A gather takes effect: the caller hears it, and does what he does this time.
    pub(super) fn gather(&mut self, no: LegNo, gather: Gather, command: CommandNo) {
        if self.leg(no).is_none_or(|leg| leg.state != State::Answered) {
            return;
        }
        self.ledger.took(command, self.now);
        self.end_gather(no, "cancelled");
        let Some(leg) = self.leg_mut(no) else { return };
        leg.gathers += 1;
        let number = leg.gathers;
        let call = leg.call.filter(|_| leg.incoming());
        leg.gather = Some(Gather { no: number, ..gather });
        self.enter(no, What::Gathers);
        self.begin_prompt(no);
        let nth = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let press = call.and_then(|call| self.call(call)).and_then(|call| call.script.presses.get(nth).cloned());
        if let Some(press) = press {
            self.while_live(no, press.after, Due::Press { leg: no, key: press.key });
        }
    }

    fn begin_prompt(&mut self, no: LegNo) {
        let Some(gather) = self.leg(no).and_then(|leg| leg.gather.as_ref()) else { return };
        let item = Item::Prompt { of: gather.no, heard: Box::new(gather.prompt.clone()) };
        if let Some(leg) = self.leg_mut(no) {
            leg.media.waiting.push_back(item);
        }
        self.begin_next(no);
    }

    /// The prompt is over: from now on the time for a key runs.
    pub(super) fn prompt_over(&mut self, no: LegNo, of: u32) {
        let Some(gather) = self.leg(no).and_then(|leg| leg.gather.as_ref()).filter(|gather| gather.no == of) else {
            return;
        };
        let (timeout, tries) = (gather.timeout, gather.tries);
        self.while_live(no, timeout, Due::GatherOver { leg: no, gather: of, tries });
    }

    /// The time for a key is over, if nothing was pressed meanwhile: the prompt is heard anew, or that was it.
    pub(super) fn gather_over(&mut self, no: LegNo, of: u32, tries: u64) {
        let waits = |gather: &&mut Gather| gather.no == of && gather.tries == tries && gather.digits.is_empty();
        let Some(gather) = self.leg_mut(no).and_then(|leg| leg.gather.as_mut()).filter(waits) else { return };
        gather.tries = gather.tries.saturating_sub(1);
        if gather.tries == 0 { self.end_gather(no, "timeout") } else { self.begin_prompt(no) }
    }

    /// Somebody presses a key: it is told, and counts if it is asked for.
    pub(super) fn press(&mut self, no: LegNo, key: char) {
        if self.leg(no).is_none_or(|leg| leg.state != State::Answered) {
            return;
        }
        self.enter(no, What::Pressed { key });
        self.tell(no, &News::Dtmf { digit: key });
        let Some(gather) = self.leg_mut(no).and_then(|leg| leg.gather.as_mut()) else { return };
        let ends = gather.terminating.contains(key);
        let valid = gather.valid.contains(key);
        if !ends {
            gather.digits.push(key);
        }
        let length = gather.digits.chars().count();
        let status = match (ends, valid) {
            (true, _) => Some(if length >= gather.least { "valid" } else { "invalid" }),
            (false, false) => Some("invalid"),
            (false, true) => (length >= gather.most).then_some("valid"),
        };
        if let Some(status) = status {
            self.end_gather(no, status);
        }
    }

    /// A gather ends, and so does what is heard of it.
    pub(super) fn end_gather(&mut self, no: LegNo, status: &'static str) {
        let Some(gather) = self.leg_mut(no).and_then(|leg| leg.gather.take()) else { return };
        if let Some(leg) = self.leg_mut(no) {
            leg.media.waiting.retain(|item| !item.is_prompt());
        }
        let heard = self.leg(no).and_then(|leg| leg.media.current.as_ref());
        if heard.is_some_and(|playing| playing.item.is_prompt()) {
            self.end_current(no, if status == "call_hangup" { status } else { "cancelled" });
        }
        self.enter(no, What::GatherEnded { status, digits: gather.digits.clone() });
        self.tell(no, &News::GatherEnded { digits: &gather.digits, status });
        if status != "call_hangup" {
            self.begin_next(no);
        }
    }
}
