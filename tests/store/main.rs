//! What a store must do, the same on every database: each case runs on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod base;
mod claims;
mod cut;
mod desk;
mod leases;
mod nodes;
mod reading;
mod taking;

/// Runs cases on some of the databases; each is a function of the module before it.
macro_rules! on {
    ($base:ident: $($module:ident { $($case:ident)* })*) => {
        $(mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::base::$base(crate::$module::$case).await;
                }
            )*
        })*
    };
}

macro_rules! on_both {
    ($($cases:tt)*) => {
        mod on_sqlite {
            on!(on_sqlite: $($cases)*);
        }
        mod on_postgres {
            on!(on_postgres: $($cases)*);
        }
    };
}

on_both! {
    taking {
        a_new_call_is_in_every_table
        a_whole_call_is_written_and_replays
        a_command_without_a_body_is_kept
        an_event_is_taken_once
        another_event_under_the_same_key_is_kept_aside
        events_of_one_call_in_one_batch
        later_events_find_the_call_by_any_name
        a_leg_is_found_by_a_name_that_it_got_later
        an_outcome_is_marked_once
        a_second_word_counts_where_the_first_knew_nothing
        legs_are_recorded_as_they_end
        a_leg_that_ends_twice_is_recorded_as_it_ends_last
        missing_rules_leave_nothing_behind
        names_that_are_no_names_survive
        a_fault_is_heard_once
    }
    reading {
        migrating_again_does_nothing
        calls_that_are_due
        a_deadline_that_moves_is_found_where_it_is
        rules_are_kept_under_their_hash
        a_body_is_quarantined_once
        the_newest_calls_come_first
        a_row_that_cannot_be_read_says_which
    }
    leases {
        a_fresh_command_is_not_claimed
        a_command_past_its_lease_is_claimed_with_its_age
        a_claim_takes_the_oldest_first
        nodes_that_live_are_counted
        what_there_is_to_be_done_is_counted
        a_command_that_cannot_be_read_keeps_no_other_back
        the_only_process_claims_all_but_its_own
        a_lease_is_renewed_by_its_holder_only
        a_command_is_not_repeated_after_a_later_one_of_its_leg
        what_follows_a_command_that_is_held_is_not_taken_over
        a_notice_keeps_no_command_back_and_none_keeps_it_back
        a_notice_that_rests_is_nobodys_until_its_pause_is_over
    }
    claims {
        any_outbox_is_taken_over_and_held_as_the_hall_says
    }
    nodes {
        many_hands_take_every_event_once
    }
    cut {
        a_batch_that_is_dropped_leaves_nothing_behind
    }
}

mod sqlite_only {
    on!(on_sqlite:
        leases { of_another_boot_nobody_knows_the_age of_another_boot_a_notice_begins_anew }
        nodes { a_second_writer_makes_it_come_again }
    );
}

mod postgres_only {
    on!(on_postgres:
        nodes {
            a_call_that_began_meanwhile_is_found_again
            a_call_that_another_node_wrote_meanwhile_is_decided_again
            an_event_that_another_node_took_meanwhile_is_taken_once
            a_row_that_is_refused_takes_nothing_with_it
            closed_connections_are_replaced
            nodes_migrate_at_once
        }
    );
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_lost() {
    nodes::nobody_answers().await;
}
