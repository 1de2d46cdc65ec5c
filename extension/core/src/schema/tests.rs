use super::*;
use serde_json::json;

/// Path and message of each violation.
fn said(document: Value, schema: Value) -> Vec<String> {
    let violations = validate(&document, &schema, &mut || ()).unwrap();
    violations.into_iter().map(|violation| format!("{}: {}", violation.path, violation.message)).collect()
}

#[test]
fn each_keyword_reports_path_value_and_rule() {
    for (schema, kept, broken, says) in [
        (json!({"type": "number"}), json!(1.5), json!("fast"), "a: \"fast\" is not of type number"),
        (json!({"type": ["string", "null"]}), json!(null), json!(1), "a: 1 is not of type string or null"),
        (json!({"type": "integer"}), json!(2.0), json!(2.5), "a: 2.5 is not of type integer"),
        (
            json!({"enum": ["register", "gauge"]}),
            json!("gauge"),
            json!("guage"),
            "a: \"guage\" is none of register, gauge, did you mean \"gauge\"?",
        ),
        (json!({"enum": [1, 2]}), json!(1.0), json!(3), "a: 3 is none of 1, 2"),
        (json!({"const": "kWh"}), json!("kWh"), json!("Wh"), "a: \"Wh\" is not \"kWh\""),
        (json!({"minimum": 0}), json!(0), json!(-1), "a: -1 is below the minimum, 0"),
        (json!({"exclusiveMinimum": 0}), json!(0.1), json!(0), "a: 0 is not above 0"),
        (json!({"maximum": 1}), json!(1), json!(1.5), "a: 1.5 is above the maximum, 1"),
        (json!({"pattern": "^[a-z]+$"}), json!("x"), json!("X"), "a: \"X\" does not match \"^[a-z]+$\""),
        (json!({"pattern": "^x$", "title": "an x"}), json!(1), json!("y"), "a: \"y\" is not an x"),
        (json!({"minItems": 1}), json!([1]), json!([]), "a: 0 entries are fewer than 1"),
        (json!({"maxItems": 1}), json!([1]), json!([1, 2]), "a: 2 entries are more than 1"),
        (json!({"uniqueItems": true}), json!([1, 2]), json!([1, 1.0]), "a: 1.0 is listed twice"),
        (json!({"items": {"type": "string"}}), json!(["x"]), json!(["x", 2]), "a[1]: 2 is not of type string"),
        (json!({"required": ["b"]}), json!({"b": 1}), json!({}), "a.b: is missing"),
        (
            json!({"properties": {"b": {"minimum": 1}}}),
            json!({"b": 1}),
            json!({"b": 0}),
            "a.b: 0 is below the minimum, 1",
        ),
        (
            json!({"properties": {"lags_h": true}, "additionalProperties": false}),
            json!({"lags_h": 1}),
            json!({"lag_h": 1}),
            "a.lag_h: is not known, did you mean \"lags_h\"?",
        ),
        (
            json!({"additionalProperties": {"type": "string"}}),
            json!({"b c": ""}),
            json!({"b c": 1}),
            "a.\"b c\": 1 is not of type string",
        ),
        (
            json!({"propertyNames": {"pattern": "^[a-z]+$"}}),
            json!({"b": 1}),
            json!({"B": 1}),
            "a.B: \"B\" does not match \"^[a-z]+$\"",
        ),
        (
            json!({"if": {"type": "string"}, "then": {"const": "x"}, "else": false}),
            json!("x"),
            json!(1),
            "a: is not allowed here",
        ),
        (json!({"$ref": "#/$defs/one"}), json!(1), json!(2), "a: 2 is not 1"),
    ] {
        let schema = json!({"$defs": {"one": {"const": 1}}, "properties": {"a": schema}});
        assert_eq!(said(json!({"a": kept}), schema.clone()), Vec::<String>::new(), "{schema}");
        assert_eq!(said(json!({"a": broken}), schema.clone()), [says], "{schema}");
    }
}

#[test]
fn the_hint_is_the_description_or_the_known_names() {
    let schema = json!({
        "properties": {"share": {"maximum": 1, "description": "A share."}, "rest": true},
        "required": ["share"], "additionalProperties": false,
    });
    let hints = |document: Value| -> Vec<_> {
        validate(&document, &schema, &mut || ()).unwrap().into_iter().map(|violation| violation.hint).collect()
    };
    assert_eq!(hints(json!({"share": 2})), ["A share."]);
    assert_eq!(hints(json!({})), ["A share."]);
    assert_eq!(hints(json!({"share": 1, "other": 2})), ["Known: rest, share."]);
}

#[test]
fn unknown_keywords_and_infinite_recursion_are_errors() {
    for (schema, says) in [
        (json!({"minimun": 1}), "uses minimun, a keyword that is not supported"),
        (json!({"properties": {"a": {"type": "int"}}}), "the schema of a cannot have type: \"int\""),
        (json!({"pattern": "("}), "cannot have pattern"),
        (json!({"$ref": "#/$defs/absent"}), "cannot have $ref"),
        (json!({"$ref": "https://example.org/schema"}), "cannot have $ref"),
        (json!({"$ref": "#"}), "refers to itself recursively"),
        (json!({"if": {"$ref": "#"}, "then": {"$ref": "#"}, "else": {"$ref": "#"}}), "refers to itself recursively"),
        (json!([]), "neither an object nor a boolean"),
    ] {
        let document = if schema.get("pattern").is_some() { json!("x") } else { json!({"a": 1}) };
        let error = validate(&document, &schema, &mut || ()).unwrap_err().to_string();
        assert!(error.contains(says), "{schema}: {error}");
    }
}

#[test]
fn long_values_are_truncated() {
    let said = said(json!("ä".repeat(1000)), json!({"type": "number"}));
    assert!(said[0].len() < 200 && said[0].contains("..."), "{said:?}");
}
