//! **order**: `PUT`, `GET` and `DELETE /customers/{id}`; `GET /products` and `GET /products/{sku}`.

use all::launch::Program;
use serde_json::{Value, json};
use testkit::until;

use crate::shelf::{
    WITHIN, assert_members, basket, customer, id, items, listed, order, orderable, product, sku,
};
use crate::stores::{every_day, sentences};

sentences![
    a_new_customer_is_201_and_a_changed_one_200_each_with_the_customer,
    a_customer_is_usable_at_once,
    a_name_has_1_to_200_characters,
    an_email_address_has_the_form_of_one,
    deleting_a_customer_is_204_also_when_unknown_or_erased,
    an_erased_customer_is_410_and_later_orders_are_422,
    a_product_is_known_as_inventory_listed_it_last,
    a_product_is_listed_among_the_others,
];

async fn a_new_customer_is_201_and_a_changed_one_200_each_with_the_customer() {
    let api = every_day().await;
    let id = id();
    let path = format!("/customers/{id}");
    let view = |name: &str, email: &str| json!({"customer_id": id, "name": name, "email": email});
    for (name, email, status) in [
        ("Ada Lovelace", "ada@shop.example", 201),
        ("Ada Lovelace", "ada@shop.example", 200),
        ("Ada King", "ada.king+shop@mail.shop.example", 200),
    ] {
        let answer = api.put(Program::Order, &path, &json!({"name": name, "email": email})).await;
        assert_eq!(answer.is(status), view(name, email));
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(api.get(Program::Order, &path).await.is(200), view(name, email));
    }
    let upper = format!("/customers/{}", id.to_string().to_uppercase());
    assert_eq!(api.get(Program::Order, &upper).await.is(200)["customer_id"], id.to_string());
}

async fn a_customer_is_usable_at_once() {
    let api = every_day().await;
    let sku = listed(api, 1, 0).await;
    for _ in 0..10 {
        let customer = customer(api).await;
        order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await.is(201);
    }
}

async fn a_name_has_1_to_200_characters() {
    let api = every_day().await;
    let put = async |name: &str| {
        let body = json!({"name": name, "email": "ada@shop.example"});
        api.put(Program::Order, &format!("/customers/{}", id()), &body).await
    };
    for good in ["A", "Zoë Ångström 李", "O'Hara; DROP TABLE customers", "<b>&amp;", &"ä".repeat(200)] {
        assert_eq!(put(good).await.is(201)["name"], good);
    }
    for bad in ["", " ", "\u{a0}", "a\0", "a\r\nBcc: b@shop.example", &"ä".repeat(201)] {
        put(bad).await.refuses(422, "invalid-input", "/name");
    }
}

async fn an_email_address_has_the_form_of_one() {
    let api = every_day().await;
    let put = async |email: &str| {
        let body = json!({"name": "Ada", "email": email});
        api.put(Program::Order, &format!("/customers/{}", id()), &body).await
    };
    for good in ["a@b.example", "ada.lovelace+tea@mail.shop.example"] {
        assert_eq!(put(good).await.is(201)["email"], good);
    }
    let long = format!("a@{}.example", "b".repeat(260));
    for bad in [
        "",
        "ada",
        "@",
        "ada@",
        "@b.example",
        "a b@c.example",
        "a@b@c.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\0",
        &long,
    ] {
        put(bad).await.refuses(422, "invalid-input", "/email");
    }
}

async fn deleting_a_customer_is_204_also_when_unknown_or_erased() {
    let api = every_day().await;
    let (known, unknown) = (customer(api).await, id());
    for customer in [known, known, unknown, unknown] {
        let answer = api.delete(Program::Order, &format!("/customers/{customer}")).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    let person = json!({"name": "Grace", "email": "grace@shop.example"});
    api.put(Program::Order, &format!("/customers/{unknown}"), &person).await.is(201);
}

async fn an_erased_customer_is_410_and_later_orders_are_422() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 0).await);
    let path = format!("/customers/{customer}");
    assert_eq!(api.delete(Program::Order, &path).await.status, 204);
    let person = json!({"name": "Ada Lovelace", "email": "ada@shop.example"});
    let again = api.put(Program::Order, &path, &person).await;
    let seen = api.get(Program::Order, &path).await;
    for answer in [again, seen] {
        assert!(answer.refused(410, "gone").is_empty());
        assert!(!answer.text.contains("Ada") && !answer.text.contains("shop.example"), "{answer:?}");
    }
    let answer = order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await;
    answer.refuses(422, "invalid-input", "/customer_id");
    assert!(answer.text.contains(&customer.to_string()), "names the value: {answer:?}");
}

async fn a_product_is_known_as_inventory_listed_it_last() {
    let api = every_day().await;
    let sku = sku();
    let path = format!("/products/{sku}");
    for (amount, currency) in [(350, "EUR"), (i64::MAX, "USD"), (0, "JPY")] {
        let listed = product(amount, currency);
        let put = api.put(Program::Inventory, &path, &listed).await;
        assert!(put.status < 300, "{put:?}");
        until(format!("{sku} costs {amount} {currency}"), WITHIN, || async {
            let known = api.get(Program::Order, &path).await;
            let is_new = known.status == 200 && known.json()["unit_price"] == listed["unit_price"];
            if is_new { Ok(()) } else { Err(known.text) }
        })
        .await;
        let known = api.get(Program::Order, &path).await.is(200);
        assert_members(&known, &["sku", "name", "unit_price"]);
        assert_eq!((&known["sku"], &known["name"]), (&Value::from(sku.clone()), &listed["name"]));
    }
}

async fn a_product_is_listed_among_the_others() {
    let api = every_day().await;
    let sku = listed(api, 350, 0).await;
    let mut path = "/products?limit=100".to_owned();
    loop {
        let page = api.get(Program::Order, &path).await.is(200);
        if let Some(found) = items(&page).into_iter().find(|item| item["sku"] == *sku) {
            return assert_eq!(found, orderable(api, &sku).await);
        }
        let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{sku} is not listed"));
        path = format!("/products?limit=100&cursor={cursor}");
    }
}
