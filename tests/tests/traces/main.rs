//! What a collector of traces is told: one trace an order, in both modes, and nothing about the customer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod logs;
mod modes;
mod privacy;
mod stories;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use world::World;

/// One after the other: the last one reads what all the others left behind.
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(&runtime, None)).exit_code();
    }
    let world = runtime.block_on(World::open());
    let conclusion = libtest_mimic::run(&arguments, trials(&runtime, Some(&world)));
    runtime.block_on(world.close());
    conclusion.exit_code()
}

macro_rules! trials {
    ($runtime:expr, $world:expr; $($module:ident::$test:ident),* $(,)?) => {
        vec![$({
            let (handle, world) = ($runtime.handle().clone(), $world.map(Arc::clone));
            Trial::test(stringify!($test), move || {
                handle.block_on($module::$test(world.as_ref().unwrap()));
                Ok(())
            })
        }),*]
    };
}

fn trials(runtime: &tokio::runtime::Runtime, world: Option<&Arc<World>>) -> Vec<Trial> {
    trials![runtime, world;
        stories::a_confirmed_order_is_one_trace_from_the_request_to_the_receipt,
        stories::an_order_whose_payment_is_declined_shows_how_it_is_undone,
        stories::what_is_parked_is_marked_with_what_comes_behind_it,
        stories::a_call_that_is_made_again_shows_each_try,
        stories::a_trace_goes_on_where_a_service_comes_back,
        stories::a_caller_that_does_not_record_is_not_recorded,
        modes::with_links_each_consumer_begins_a_trace_and_names_what_it_goes_back_to,
        logs::a_broker_that_is_away_is_told_once_by_each_service,
        privacy::no_span_and_no_log_line_says_who_the_customer_is,
    ]
}
