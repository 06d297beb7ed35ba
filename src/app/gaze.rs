//! What is looked at again and again, until it is another. Pure.

/// A thing that may change at any moment, and change for a while before it is what it is to be: a file that somebody is
/// writing. It counts as changed once it looks the same twice.
#[derive(Debug)]
pub(super) struct Gaze<T> {
    /// What was acted on last.
    known: Option<T>,
    /// What it looked like the last time, if that is another.
    seen: Option<T>,
}

impl<T: PartialEq + Clone> Gaze<T> {
    /// `known`: what was acted on before, if anything was.
    pub fn new(known: Option<T>) -> Self {
        Self { known, seen: None }
    }

    /// It looks like that now. What is to be acted on, if anything is.
    pub fn look(&mut self, now: T) -> Option<T> {
        if self.known.as_ref() == Some(&now) {
            self.seen = None;
            return None;
        }
        let twice = self.seen.as_ref() == Some(&now);
        self.seen = Some(now);
        let changed = self.seen.take_if(|_| twice);
        self.known = changed.clone().or(self.known.take());
        changed
    }

    /// It is acted on as it looks now, whatever it looked like before.
    pub fn take(&mut self, now: T) {
        (self.known, self.seen) = (Some(now), None);
    }

    /// What was acted on last was in vain: it is to be acted on again.
    pub fn again(&mut self) {
        self.seen = self.known.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_twice_has_changed_once() {
        let mut gaze = Gaze::new(Some("old"));
        let looks = ["old", "ne", "new", "new", "new", "old", "new", "old", "old"];
        let acted: Vec<_> = looks.into_iter().map(|look| gaze.look(look)).collect();
        let expected = [None, None, None, Some("new"), None, None, None, None, Some("old")];
        assert_eq!(acted, expected);
    }

    #[test]
    fn what_was_asked_for_is_not_waited_for_and_what_was_in_vain_is_repeated() {
        let mut gaze = Gaze::new(None);
        gaze.take("asked for");
        assert_eq!(gaze.look("asked for"), None);
        gaze.again();
        assert_eq!(gaze.look("asked for"), Some("asked for"), "it was seen before");
        gaze.again();
        assert_eq!(gaze.look("another"), None);
        assert_eq!(gaze.look("another"), Some("another"));
    }
}
