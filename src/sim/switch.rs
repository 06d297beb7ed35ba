//! How a list of switches is written: each with its values becomes a type, and all of them one struct.

/// Makes an enum of each switch and the struct `Switches` of all of them. The first value is the default.
///
/// A switch that came `(later)` is drawn from a stream of its own, so that whatever was drawn before stays as it was.
macro_rules! switches {
    (@stream $rng:ident $later:ident) => { &mut *$rng };
    (@stream $rng:ident $later:ident later) => { &mut $later };
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $kind:ident $(($when:ident))? {
            $(#[doc = $first_doc:literal])+ $first:ident = $first_word:literal,
            $( $(#[doc = $value_doc:literal])+ $value:ident = $word:literal, )+
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
            pub enum $kind {
                $(#[doc = $first_doc])+ #[default] #[serde(rename = $first_word)] $first,
                $( $(#[doc = $value_doc])+ #[serde(rename = $word)] $value, )+
            }

            impl $kind {
                const EVERY: &'static [Self] = &[Self::$first, $(Self::$value),+];
                const WORDS: &'static [&'static str] = &[$first_word, $($word),+];

                fn word(self) -> &'static str {
                    match self {
                        Self::$first => $first_word,
                        $(Self::$value => $word,)+
                    }
                }
            }
        )+

        /// One value for each thing that is not known of Telnyx.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Switches {
            $( $(#[doc = $doc])+ pub $field: $kind, )+
        }

        impl Switches {
            /// The name of every switch with the words of its values, the default first.
            pub const ALL: &'static [(&'static str, &'static [&'static str])] =
                &[$((stringify!($field), $kind::WORDS)),+];

            /// A random value for every switch.
            pub fn draw(rng: &mut Rng) -> Self {
                let mut later = Rng::with_seed(rng.clone().u64(..));
                Self { $( $field: {
                    let rng = switches!(@stream rng later $($when)?);
                    rng.choice($kind::EVERY.iter().copied()).unwrap_or_default()
                }, )+ }
            }

            /// Every switch with the value it has.
            pub fn values(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($field), self.$field.word())),+]
            }

            pub(super) fn put(&mut self, name: &str, word: &str) -> bool {
                match name {
                    $(stringify!($field) => {
                        let value = $kind::EVERY.iter().find(|value| value.word() == word);
                        value.map(|value| self.$field = *value).is_some()
                    })+
                    _ => false,
                }
            }
        }
    };
}

pub(super) use switches;
