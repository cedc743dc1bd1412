use axum::http::StatusCode;
use events::{Event, topics};
use kernel::Ids as _;
use kernel::clock::SystemIds;
use serde_json::json;

use crate::support::{Room, basket};

#[tokio::test]
async fn a_customer_is_registered_with_201_changed_with_200_and_read_back() {
    let room = Room::open().await;
    let path = format!("/customers/{}", SystemIds.next());
    let first = room.put(&path, &json!({"name": "Ada", "email": "ada@shop.example"})).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.json()["name"], "Ada");
    let second = room.put(&path, &json!({"name": "Ada L.", "email": "ada@shop.example"})).await;
    assert_eq!((second.status, second.json()), (StatusCode::OK, room.get(&path).await.json()));
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(
        room.get(&path).await.json(),
        json!({"customer_id": id, "name": "Ada L.", "email": "ada@shop.example"})
    );
    let events = room.events(topics::CUSTOMERS, id).await;
    assert!(
        matches!(&events[..], [Event::CustomerRegistered(_), Event::CustomerRegistered(last)] if last.name == "Ada L.")
    );
    room.close().await;
}

#[tokio::test]
async fn the_same_customer_again_is_200_and_no_event() {
    let room = Room::open().await;
    let id = room.customer().await;
    let again =
        room.put(&format!("/customers/{id}"), &json!({"name": "Ada", "email": "ada@shop.example"})).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(room.published(id).await, [("CustomerRegistered".to_owned(), 1)]);
    room.close().await;
}

#[tokio::test]
async fn an_erased_customer_is_gone_for_good_and_leaves_no_personal_data() {
    let room = Room::open().await;
    let id = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let path = format!("/customers/{id}");
    assert_eq!(room.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(room.delete(&path).await.status, StatusCode::NO_CONTENT, "again is no mistake");
    assert_eq!(
        room.published(id).await,
        [("CustomerRegistered".to_owned(), 1), ("CustomerErased".to_owned(), 2)]
    );
    let put = room.put(&path, &json!({"name": "Ada", "email": "ada@shop.example"})).await;
    assert_eq!((put.status, put.problem().0), (StatusCode::GONE, "gone".to_owned()));
    assert_eq!(room.get(&path).await.status, StatusCode::GONE);
    let order = room.post("/orders", &basket(id, "TEA").to_string(), &[]).await;
    assert_eq!(order.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(order.problem().1, ["/customer_id"]);
    let kept = room.count("SELECT count(*) FROM customers WHERE name IS NOT NULL OR email IS NOT NULL").await;
    assert_eq!(kept, 0);
    room.close().await;
}

#[tokio::test]
async fn deleting_an_unknown_customer_is_204_and_changes_nothing() {
    let room = Room::open().await;
    let id = SystemIds.next();
    let path = format!("/customers/{id}");
    assert_eq!(room.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(room.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(room.published(id).await, []);
    room.close().await;
}

#[tokio::test]
async fn names_and_addresses_that_break_a_rule_are_named_and_nothing_is_stored() {
    let room = Room::open().await;
    let path = format!("/customers/{}", SystemIds.next());
    let long = "x".repeat(201);
    for (name, email, pointers) in [
        ("", "ada@shop.example", vec!["/name"]),
        (long.as_str(), "ada@shop.example", vec!["/name"]),
        ("a\u{0}b", "ada@shop.example", vec!["/name"]),
        ("Ada", "ada", vec!["/email"]),
        ("Ada", "a da@shop.example", vec!["/email"]),
        ("", "@", vec!["/name", "/email"]),
    ] {
        let answer = room.put(&path, &json!({"name": name, "email": email})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?} {email:?}");
        assert_eq!(answer.problem().1, pointers, "{name:?} {email:?}");
    }
    assert_eq!(room.get(&path).await.status, StatusCode::NOT_FOUND);
    room.close().await;
}

#[tokio::test]
async fn of_many_that_register_one_customer_at_once_one_is_first_and_numbers_have_no_hole() {
    let room = Room::open().await;
    let id = SystemIds.next();
    let path = format!("/customers/{id}");
    let bodies: Vec<_> =
        (0..8).map(|n| json!({"name": format!("Ada {n}"), "email": "ada@shop.example"})).collect();
    let answers = futures::future::join_all(bodies.iter().map(|body| room.put(&path, body))).await;
    let created = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(created, 1);
    let numbers: Vec<i64> = room.published(id).await.into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    room.close().await;
}
