//! Which call an event belongs to.

use std::collections::{BTreeMap, BTreeSet};

use super::arrival::Arrival;
use crate::call::{Call, CallId, What, Who};

/// What must be looked up to locate the events of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clues {
    /// Calls named by the events themselves, or that their first legs would begin.
    pub calls: BTreeSet<CallId>,
    /// Handles, to be looked up.
    pub handles: BTreeSet<String>,
    /// Leg ids, to be looked up.
    pub legs: BTreeSet<String>,
    /// Sessions, to be looked up.
    pub sessions: BTreeSet<String>,
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
pub fn clues(batch: &[Arrival]) -> Clues {
    let mut clues = Clues::default();
    for arrival in batch {
        clues.calls.extend(arrival.call);
        let What::Leg { who, .. } = &arrival.event.what else { continue };
        clues.calls.extend(who.tag.map(|tag| tag.call));
        clues.calls.extend(begun_by(who));
        if who.tag.is_none() {
            clues.handles.extend(who.handle.as_ref().map(|handle| handle.0.clone()));
            clues.legs.extend(who.leg.clone());
            clues.sessions.extend(who.session.clone());
        }
    }
    clues
}

impl Clues {
    /// The calls that the events may belong to.
    pub fn wanted(&self, index: &Index) -> BTreeSet<CallId> {
        let found = index.handles.values().chain(index.legs.values()).chain(index.sessions.values());
        self.calls.iter().chain(found).copied().collect()
    }
}

/// The call an event belongs to; it may have to be begun, or be `busy` elsewhere. `None`: the event says nothing of any
/// leg or session.
pub fn locate(
    arrival: &Arrival,
    calls: &BTreeMap<CallId, Call>,
    busy: &BTreeSet<CallId>,
    index: &Index,
) -> Option<CallId> {
    if let Some(call) = arrival.call {
        return Some(call);
    }
    let What::Leg { who, .. } = &arrival.event.what else { return None };
    let tagged = who.tag.map(|tag| tag.call).filter(|call| calls.contains_key(call) || busy.contains(call));
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
