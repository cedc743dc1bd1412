//! **All**: CORS by setting.

use all::launch::Program;
use reqwest::Method;

use crate::client::{Answer, Api};
use crate::stores::{PAGE, every_day, hasty, sentences};

sentences![
    a_page_of_a_named_origin_may_read_answers_and_errors: own_store,
    a_page_of_another_origin_may_not: own_store,
    a_page_may_send_what_the_store_takes_and_read_what_it_gives: own_store,
    without_the_setting_no_page_may: own_store,
];

const OTHER: &str = "https://other.example";

async fn ask(api: &Api, program: Program, path: &str, origin: &str) -> Answer {
    api.call(Method::GET, program, path).header("origin", origin).send().await
}

async fn preflight(api: &Api, program: Program, path: &str, method: &str, origin: &str) -> Answer {
    let call = api.call(Method::OPTIONS, program, path).header("origin", origin);
    let call = call.header("access-control-request-method", method);
    call.header("access-control-request-headers", "content-type,idempotency-key,last-event-id").send().await
}

async fn a_page_of_a_named_origin_may_read_answers_and_errors() {
    let api = every_day().await;
    for program in Program::ALL {
        for path in ["/livez", "/readyz", "/nowhere", "/livez?colour=red"] {
            let answer = ask(api, program, path, PAGE).await;
            assert_eq!(answer.header("access-control-allow-origin"), PAGE, "{program:?} {path}");
            assert!(answer.header("vary").contains("origin"), "{program:?} {path}");
        }
    }
}

async fn a_page_of_another_origin_may_not() {
    let api = every_day().await;
    for program in Program::ALL {
        for origin in [OTHER, "null", "https://shop.example.other.example", "http://shop.example"] {
            let answer = ask(api, program, "/livez", origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{program:?} {origin}");
        }
        let answer = preflight(api, program, "/livez", "GET", OTHER).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{program:?}");
    }
}

async fn a_page_may_send_what_the_store_takes_and_read_what_it_gives() {
    let api = every_day().await;
    for (method, path) in [("POST", "/orders"), ("PUT", "/customers/1"), ("DELETE", "/customers/1")] {
        let answer = preflight(api, Program::Order, path, method, PAGE).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, PAGE));
        assert!(answer.header("access-control-allow-methods").contains(method), "{answer:?}");
        for header in ["content-type", "idempotency-key", "last-event-id"] {
            assert!(answer.header("access-control-allow-headers").contains(header), "{answer:?}");
        }
    }
    let answer = ask(api, Program::Order, "/orders?limit=1", PAGE).await;
    for header in ["link", "location", "retry-after", "idempotent-replayed"] {
        assert!(answer.header("access-control-expose-headers").contains(header), "{answer:?}");
    }
}

async fn without_the_setting_no_page_may() {
    let api = hasty().await;
    for program in Program::ALL {
        let answer = ask(api, program, "/livez", PAGE).await;
        assert!(
            answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")),
            "{answer:?}"
        );
        preflight(api, program, "/livez", "GET", PAGE).await.refused(405, "method-not-allowed");
    }
}
