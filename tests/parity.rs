//! Every fixture on every engine: values and gradients within the tolerances that stand beside them.
//!
//! `ATTAR_FIXTURES` names another folder of fixtures; cases and shapes come from the files.

mod common;

use common::{all_engines, fixtures::Folder, parity};

/// A test for each topic.
macro_rules! topics {
    ($($topic:ident)*) => {
        $(
            #[test]
            fn $topic() {
                parity::check(stringify!($topic), &Folder::default(), &all_engines());
            }
        )*

        #[test]
        fn no_topic_is_left_out() {
            assert_eq!(parity::TOPICS.map(|(name, _)| name), [$(stringify!($topic)),*]);
        }
    };
}

topics! {
    cf_loss sampling_net ncfm_step decode augment convnet networks optim metrics
    distribution_matching gradient_matching trajectory_matching performance_matching krr
}
