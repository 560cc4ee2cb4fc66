//! What connectors' tests have in common and only they can hold, because `proptest` and `insta` are theirs: macros that
//! expand there.

/// Defines the strategy `record()`: objects, and objects in them, whose fields have `$names`; their values are of any kind
/// that JSON has, or one of `$words`, or of the strategy `$more`.
#[macro_export]
macro_rules! arbitrary_records {
    ($names:expr, $words:expr $(, $more:expr)?) => {
        fn record() -> impl ::proptest::strategy::Strategy<Value = ::serde_json::Value> {
            use ::proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};
            use ::serde_json::Value;

            fn object(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
                let names: &[&str] = $names;
                let field = prop::sample::select(names).prop_map(str::to_owned);
                let fields = prop::collection::vec((field, value), 0..12);
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())).boxed()
            }

            let words: &[&str] = $words;
            let leaf = prop_oneof![
                Just(Value::Null),
                any::<bool>().prop_map(Value::from),
                any::<i64>().prop_map(Value::from),
                any::<f64>().prop_map(Value::from),
                ".{0,12}".prop_map(Value::from),
                prop::sample::select(words).prop_map(Value::from),
                $($more,)?
            ];
            let nested = leaf.prop_recursive(3, 24, 6, |inner| {
                let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
                prop_oneof![list, object(inner)]
            });
            object(nested.boxed())
        }
    };
}

/// Tests that nothing panics: neither the streams `$asked` nor the webhook `$delivered`, which both expect JSON. Needs the
/// strategy of [`arbitrary_records!`](crate::arbitrary_records).
#[macro_export]
macro_rules! nothing_panics {
    ($asked:ident, $delivered:ident) => {
        ::proptest::proptest! {
            #[test]
            fn page_never_panics_on_arbitrary_bytes(
                body in ::proptest::collection::vec(::proptest::prelude::any::<u8>(), 0..512),
            ) {
                for asked in $asked.iter() {
                    ::proptest::prop_assert!(!asked.is_page(&body));
                }
            }

            #[test]
            fn map_never_panics_on_arbitrary_objects(record in record()) {
                let text = record.to_string();
                for asked in $asked.iter() {
                    let _ = asked.map_text(&text, $crate::rows::Origin::Page);
                }
                $delivered.seen(&$crate::connector::Headers::new(), text.as_bytes());
            }

            #[test]
            fn deliveries_never_panic_on_arbitrary_bytes(
                body in ::proptest::collection::vec(::proptest::prelude::any::<u8>(), 0..512),
            ) {
                let headers = $crate::connector::Headers::new();
                ::proptest::prop_assert!($delivered.webhook().events(&headers, &body).is_err());
            }
        }
    };
}

/// A test for each fixture `tests/fixtures/$source/STREAM/CASE.$extension`, by the functions `seen` and `check` of the
/// module that calls it: what is `seen(STREAM, page)` must be the snapshot `STREAM__CASE`.
#[macro_export]
macro_rules! pages {
    ($source:literal, $extension:literal; $($stream:ident: $($case:ident),+;)+) => {
        $(mod $stream {
            $(#[test]
            fn $case() {
                let page = include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/", $source, "/", stringify!($stream), "/",
                    stringify!($case), $extension
                ));
                let seen = super::seen(stringify!($stream), page);
                super::check(concat!(stringify!($stream), "__", stringify!($case)), &seen);
            })+
        })+
    };
}

/// Defines `check(name, value)`, which compares with the reviewed snapshot `$prefix` + name.
#[macro_export]
macro_rules! snapshots {
    ($prefix:literal) => {
        pub(crate) fn check(name: &str, value: &::serde_json::Value) {
            ::insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
                ::insta::assert_json_snapshot!(format!(concat!($prefix, "{}"), name), value);
            });
        }
    };
}
