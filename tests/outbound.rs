//! Where we may dial, held against every example number of the phone metadata.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};
use switchhook::phone::Target;
use switchhook::routing::{Sources, load};

/// What a file says that dials a number where a country is allowed; nothing, if that is all right.
fn said(number: &str, country: &str) -> Option<String> {
    let text = format!(
        "version: 1\nnumbers: {{'*': main}}\nlimits: {{outbound: {{countries: [{country}]}}}}\n\
         routes: {{main: [{{dial: '{number}'}}, {{say: Bye}}]}}\n"
    );
    load(&Sources { name: "routes.yaml".into(), text, ..Sources::default() }).err().map(|problems| problems.to_string())
}

fn written(number: &PhoneNumber) -> String {
    number.format_as(PhoneNumberFormat::E164).into_owned()
}

/// The examples of a kind: the country, and the number.
fn examples(kinds: &[PhoneNumberType]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for region in PHONE_NUMBER_UTIL.get_supported_regions() {
        for kind in kinds {
            let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, *kind);
            all.extend(example.ok().map(|number| (region.to_string(), written(&number))));
        }
    }
    all.sort();
    all
}

#[test]
fn no_costly_number_is_ever_dialled() {
    let costly = [
        PhoneNumberType::PremiumRate,
        PhoneNumberType::SharedCost,
        PhoneNumberType::PersonalNumber,
        PhoneNumberType::Pager,
    ];
    let examples = examples(&costly);
    let codes: BTreeSet<i32> =
        examples.iter().map(|(_, number)| PhoneNumber::parse(number, None).unwrap().country_code).collect();
    println!("{} costly examples, of {} calling codes", examples.len(), codes.len());
    assert!(examples.len() > 200 && codes.len() > 100);
    let dialled: Vec<_> = examples.iter().filter(|(country, number)| said(number, country).is_none()).collect();
    assert!(dialled.is_empty(), "{dialled:?}");
    let worldwide: Vec<_> = PHONE_NUMBER_UTIL
        .get_supported_global_network_calling_codes()
        .filter_map(|code| PHONE_NUMBER_UTIL.get_example_number_for_non_geo_entity(code).ok())
        .filter(|number| said(&written(number), "US").is_none())
        .collect();
    assert!(worldwide.is_empty(), "{worldwide:?}");
}

#[test]
fn no_ordinary_number_of_a_country_that_is_allowed_is_refused() {
    let examples = examples(&[PhoneNumberType::FixedLine, PhoneNumberType::Mobile]);
    println!("{} ordinary examples", examples.len());
    assert!(examples.len() > 450);
    let refused: Vec<_> =
        examples.iter().filter_map(|(country, number)| Some((number, said(number, country)?))).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn the_islands_under_1_are_countries_of_their_own() {
    let ordinary = examples(&[PhoneNumberType::FixedLine, PhoneNumberType::Mobile, PhoneNumberType::TollFree]);
    let islands = ordinary.iter().filter(|(country, number)| number.starts_with("+1") && country != "US");
    let islands: Vec<_> = islands.filter(|(_, number)| !number.starts_with("+18")).collect();
    assert!(islands.len() > 30);
    let dialled: Vec<_> = islands.iter().filter(|(_, number)| said(number, "US").is_none()).collect();
    assert!(dialled.is_empty(), "{dialled:?}");
}

#[test]
fn short_codes_and_emergency_numbers_are_no_targets() {
    let short = (0..=99_999).map(|number: u32| number.to_string());
    for number in short.chain(["000", "0118999", "+911", "+112", "+49110"].map(str::to_owned)) {
        assert!(Target::parse(&number).is_err(), "{number}");
    }
    let told = said("911", "US").unwrap();
    assert!(told.contains("`911` is a short number, of an emergency service or of one network"), "{told}");
    let told = said("+112", "DE").unwrap();
    assert!(told.contains("is not a phone number"), "{told}");
}
