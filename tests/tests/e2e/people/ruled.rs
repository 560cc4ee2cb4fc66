//! Rulings are told when they are made, and by whoever comes next where that failed.

use shared::customers::{Customers, Opposite, Signed};

use super::*;

impl Scene {
    fn customers(&self) -> Customers {
        Customers::new(&self.stand.stores(), recognition())
    }

    /// The kinds of what has been told, in the order of their landing.
    async fn kinds(&self) -> Vec<&'static str> {
        let told = self.told().await;
        let kinds = told.iter().map(|row| match &row.entity {
            Entity::Interaction(told) => told.kind.name(),
            other => panic!("{other:?}"),
        });
        kinds.collect()
    }

    async fn is_something_untold(&self) -> bool {
        let landed = self.stand.landed().await;
        landed.items.values().any(|item| item.contains_key("untold"))
    }
}

fn signed() -> Signed {
    Signed::new("pat", "father and son").expect("a signature")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_is_told_at_once() {
    let scene = Scene::new().await;
    scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])]).await;
    let (customers, [one, other]) = (scene.customers(), [key("crm", "1"), key("shop", "7")]);
    let person = person_id_of(&one);
    customers.split(person, vec![vec![other.clone()]], signed()).await.unwrap();
    let told = scene.told().await;
    let [row] = told.as_slice() else { panic!("{told:?}") };
    let Entity::Interaction(split) = &row.entity else { panic!("{row:?}") };
    let InteractionKind::IdentitySplit(kind) = &split.kind else { panic!("{split:?}") };
    assert_eq!((kind.person_id, &kind.split_ids[..]), (person, &[person_id_of(&other)][..]));
    assert_eq!(split.subject_key, one);

    customers.link(vec![one.clone(), other.clone()], signed()).await.unwrap();
    let apart = Opposite::Records(vec![other.clone()]);
    customers.never_link(person, apart.clone(), signed()).await.unwrap();
    let kinds = ["identity.split", "identity.merged", "identity.split"];
    assert_eq!(scene.kinds().await, kinds);
    // They are apart already: a ruling that changes nothing is no news.
    customers.never_link(person, apart, signed()).await.unwrap();
    scene.land(&[said("crm", "1", 5, &["ann"]), said("shop", "7", 6, &["ann"])]).await;
    assert_eq!(scene.kinds().await, kinds, "told once");
    assert!(!scene.is_something_untold().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_that_is_taken_back_is_told_with_the_next_change() {
    let scene = Scene::new().await;
    scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])]).await;
    let ruled = Override {
        ruling: Ruling::NeverLink(vec![vec![key("crm", "1")], vec![key("shop", "7")]]),
        author: "pat".into(),
        reason: "father and son".to_owned(),
        at: at(10),
    };
    scene.landing.people().rule(&ruled).await.unwrap();
    scene.landing.tell_of_rulings().await.unwrap();
    scene.landing.people().unrule(&ruled).await.unwrap();
    assert!(scene.is_something_untold().await);
    scene.land(&[said("mail", "3", 3, &["somebody.else"])]).await;
    assert_eq!(scene.kinds().await, ["identity.split", "identity.merged"]);
    assert!(!scene.is_something_untold().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_that_could_not_be_told_holds_and_is_told_by_whoever_comes_next() {
    let refused = [
        ("before it landed", true, Operation::s3(Method::PUT, "landing/identity")),
        ("before it was remembered", false, Operation::dynamodb("PutItem").containing("TOLD")),
        ("before the mark went", false, Operation::dynamodb("UpdateItem").containing("untold")),
    ];
    for (when, in_s3, refused) in refused {
        for next_is_a_ruling in [false, true] {
            let scene = Scene::new().await;
            scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])]).await;
            let (customers, one) = (scene.customers(), key("crm", "1"));
            let proxy = if in_s3 { &scene.stand.s3 } else { &scene.stand.dynamodb };
            proxy.inject(Injection::new(refused.clone(), StoreFault::AccessDenied));
            let apart = Opposite::Records(vec![key("shop", "7")]);
            let ruled = customers.never_link(person_id_of(&one), apart, signed()).await.unwrap();
            proxy.assert_all_fired();
            assert_eq!(ruled.people.len(), 2, "{when}: it holds");
            assert!(scene.is_something_untold().await, "{when}");

            let others = [said("mail", "3", 3, &["bo"]), said("desk", "4", 4, &["cy"])];
            if next_is_a_ruling {
                let without = Landing::new(&scene.stand.stores(), None);
                for said in &others {
                    land(&without, said).await;
                }
                let both = others.iter().map(Said::key).collect();
                customers.link(both, signed()).await.unwrap();
            } else {
                scene.land(&others[..1]).await;
            }
            assert_eq!(scene.kinds().await, ["identity.split"], "{when}");
            assert!(!scene.is_something_untold().await, "{when}");
        }
    }
}
