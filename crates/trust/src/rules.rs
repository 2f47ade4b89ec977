//! Rules by name: the one list that messages, counters, evidence and tests go by.

/// Makes an enum of rules, in the order in which they are applied, each with its doc and its name of lower-case words with hyphens.
macro_rules! rules {
    ($(#[$about:meta])* $Rule:ident: $($(#[$doc:meta])* $rule:ident $name:literal),* $(,)?) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Rule {
            $($(#[$doc])* $rule),*
        }

        impl $Rule {
            /// Every rule, in the order in which they are applied.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// The rule's name: lower-case words with hyphens.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name),*
                }
            }
        }

        impl std::fmt::Display for $Rule {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use rules;
