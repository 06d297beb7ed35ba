//! Which call an event belongs to.

use std::collections::{BTreeMap, BTreeSet};

use super::arrival::Arrival;
use crate::call::{Call, CallId, What, Who};

/// What must be looked up to locate the events of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clues<'a> {
    /// Calls named by the events themselves, or that their first legs would begin.
    pub calls: BTreeSet<CallId>,
    /// The legs that they are about: each by its handle, else its own id, else its session. Those with a tag too: it
    /// may be of a call that is not ours.
    pub legs: Vec<&'a Who>,
}

/// Which call a handle, a leg id or a session belongs to.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// By handle.
    pub handles: BTreeMap<String, CallId>,
    /// By leg id.
    pub legs: BTreeMap<String, CallId>,
    /// By session.
    pub sessions: BTreeMap<String, CallId>,
}

/// Collects the clues of a batch.
pub fn clues(batch: &[Arrival]) -> Clues<'_> {
    let mut clues = Clues::default();
    for arrival in batch {
        clues.calls.extend(arrival.call);
        let What::Leg { who, .. } = &arrival.event.what else { continue };
        clues.calls.extend(who.tag.map(|tag| tag.call));
        clues.calls.extend(begun_by(who));
        clues.legs.push(who);
    }
    clues
}

impl Clues<'_> {
    /// The calls that the events may belong to.
    pub fn wanted(&self, index: &Index) -> BTreeSet<CallId> {
        let found = index.handles.values().chain(index.legs.values()).chain(index.sessions.values());
        self.calls.iter().chain(found).copied().collect()
    }
}

/// The call an event belongs to; it may have to be begun. `None`: the event says nothing of any leg or
/// session.
pub fn locate(arrival: &Arrival, calls: &BTreeMap<CallId, Call>, index: &Index) -> Option<CallId> {
    if let Some(call) = arrival.call {
        return Some(call);
    }
    let What::Leg { who, .. } = &arrival.event.what else { return None };
    let tagged = who.tag.map(|tag| tag.call).filter(|call| calls.contains_key(call));
    let by_handle = || who.handle.as_ref().and_then(|handle| index.handles.get(&handle.0)).copied();
    let by_leg = || who.leg.as_ref().and_then(|leg| index.legs.get(leg)).copied();
    let by_session = || who.session.as_ref().and_then(|session| index.sessions.get(session)).copied();
    tagged.or_else(by_handle).or_else(by_leg).or_else(by_session).or_else(|| begun_by(who))
}

/// The call an event most likely belongs to, by its own word alone: for dividing events among writers.
pub fn likely(arrival: &Arrival) -> Option<CallId> {
    let What::Leg { who, .. } = &arrival.event.what else { return arrival.call };
    arrival.call.or(who.tag.map(|tag| tag.call)).or_else(|| begun_by(who))
}

/// The call that a leg begins if it belongs to none: its id follows from what names the leg.
fn begun_by(who: &Who) -> Option<CallId> {
    let handle = who.handle.as_ref().map(|handle| handle.0.as_str());
    who.leg.as_deref().or(handle).or(who.session.as_deref()).map(CallId::of)
}

impl Index {
    /// Notes all that a call's legs are known by.
    pub fn note(&mut self, call: &Call) {
        for leg in &call.legs {
            if let Some(handle) = &leg.handle {
                self.handles.insert(handle.0.clone(), call.id);
            }
            if let Some(id) = &leg.id {
                self.legs.insert(id.clone(), call.id);
            }
            if let Some(session) = &leg.session {
                self.sessions.entry(session.clone()).or_insert(call.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::call::kit::{CALLER, Life, OURS, rules, say};
    use crate::call::{Event, EventId, Handle, LegNo, News, Tag};
    use crate::phone::Party;

    fn arrival(who: Who) -> Arrival {
        let event = Event { id: EventId("e".into()), at: None, what: What::Leg { who, news: News::Answered } };
        Arrival::webhook(String::new(), event, [0; 32], Bytes::new())
    }

    /// Two calls that are there, each with a name of every sort that it does not share.
    struct Place {
        calls: BTreeMap<CallId, Call>,
        index: Index,
        ids: [CallId; 4],
    }

    /// Four calls: the one with the tag, with the handle, with the leg id, with the session.
    fn place() -> Place {
        let rules = rules(vec![say("Hello.")], &[]);
        let ids = ["tag", "handle", "leg", "session"].map(CallId::of);
        let call = |id| {
            let mut life = Life::new(&rules);
            life.call.id = id;
            life.news(0, News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 });
            (id, life.call)
        };
        let index = Index {
            handles: [("v3:h".to_owned(), ids[1])].into(),
            legs: [("l".to_owned(), ids[2])].into(),
            sessions: [("s".to_owned(), ids[3])].into(),
        };
        Place { calls: ids.map(call).into(), index, ids }
    }

    fn all(tag: CallId) -> Who {
        let tag = Some(Tag { call: tag, leg: LegNo(1) });
        let handle = Some(Handle("v3:h".into()));
        Who { tag, handle, leg: Some("l".into()), session: Some("s".into()) }
    }

    #[test]
    fn the_tag_comes_before_the_handle_before_the_leg_before_the_session() {
        let Place { calls, index, ids } = place();
        let found = |who: Who| locate(&arrival(who), &calls, &index);
        let who = all(ids[0]);
        assert_eq!(found(who.clone()), Some(ids[0]));
        let who = Who { tag: None, ..who };
        assert_eq!(found(who.clone()), Some(ids[1]));
        let who = Who { handle: None, ..who };
        assert_eq!(found(who.clone()), Some(ids[2]));
        let who = Who { leg: None, ..who };
        assert_eq!(found(who.clone()), Some(ids[3]));
        let who = Who { session: None, ..who };
        assert_eq!(found(who), None, "a line alone names no call");
    }

    #[test]
    fn a_leg_of_no_call_begins_one_by_what_names_it_longest() {
        let (calls, index) = (BTreeMap::new(), Index::default());
        let found = |who: Who| locate(&arrival(who), &calls, &index);
        let who = Who { tag: None, ..all(CallId::of("nobody")) };
        assert_eq!(found(who.clone()), Some(CallId::of("l")));
        let who = Who { leg: None, ..who };
        assert_eq!(found(who.clone()), Some(CallId::of("v3:h")));
        let who = Who { handle: None, ..who };
        assert_eq!(found(who), Some(CallId::of("s")));
    }

    #[test]
    fn a_tag_of_a_call_that_is_not_ours_says_nothing() {
        let Place { calls, index, ids } = place();
        let stranger = all(CallId::of("stranger"));
        assert_eq!(locate(&arrival(stranger.clone()), &calls, &index), Some(ids[1]));
        let found = locate(&arrival(stranger), &calls, &Index::default());
        assert_eq!(found, Some(CallId::of("l")), "and begins no call of that name");
    }

    #[test]
    fn an_event_of_our_own_knows_its_call() {
        let Place { calls, index, ids } = place();
        let event = Event { id: EventId("e".into()), at: None, what: What::Due { version: 1 } };
        let own = Arrival::own(ids[2], event);
        assert_eq!(locate(&own, &calls, &index), Some(ids[2]));
        assert_eq!(clues(&[own]), Clues { calls: [ids[2]].into(), ..Clues::default() });
    }

    #[test]
    fn an_event_of_our_own_without_a_call_has_none() {
        let event = Event { id: EventId("e".into()), at: None, what: What::Due { version: 1 } };
        let lost = Arrival::webhook(String::new(), event, [0; 32], Bytes::new());
        assert_eq!(locate(&lost, &BTreeMap::new(), &Index::default()), None);
    }

    #[test]
    fn what_is_looked_up_is_what_may_be_asked_for() {
        let Place { ids, .. } = place();
        let tagged = all(ids[0]);
        let untagged = Who { tag: None, ..all(ids[0]) };
        let batch = [arrival(tagged.clone()), arrival(untagged.clone())];
        let calls = [ids[0], CallId::of("l")].into();
        assert_eq!(clues(&batch), Clues { calls, legs: vec![&tagged, &untagged] });
    }

    #[test]
    fn the_first_call_of_a_session_keeps_it() {
        let Place { mut calls, ids, .. } = place();
        let mut index = Index::default();
        for id in [ids[0], ids[1]] {
            let call = calls.remove(&id).unwrap();
            index.note(&call);
        }
        assert_eq!(index.sessions, BTreeMap::from([("s".to_owned(), ids[0])]));
        assert_eq!(index.handles, BTreeMap::from([("v3:h0".to_owned(), ids[1])]));
    }
}
