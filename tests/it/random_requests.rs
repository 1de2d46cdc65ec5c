//! Random queries as each role and subject: each gets exactly its buildings' part of the full result, and no server
//! error.

use crate::storage::run;
use crate::street::{ACCESS, BUILDINGS, street};
use edf_tests::Api;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

const QUERIES: usize = 600;
/// A subject with access to every building, in a role without a minimum size.
const ALL: (&str, &str) = ("everything", "resident");

struct View {
    path: &'static str,
    columns: &'static [(&'static str, Kind)],
    key: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Time,
    Number,
    Whole,
    Texts,
    Numbers,
}
use Kind::{Number, Numbers, Text, Texts, Time, Whole};

const VIEWS: [View; 3] = [
    View {
        path: "forecasts",
        columns: &[
            ("building_id", Text),
            ("valid_at", Time),
            ("issued_at", Time),
            ("demand_kwh", Number),
            ("demand_upper_kwh", Number),
            ("confidence", Number),
            ("source", Text),
            ("quality_reasons", Texts),
            ("revision", Whole),
            ("lead_hours", Whole),
            ("quantile_values", Numbers),
        ],
        key: "building_id,valid_at",
    },
    View {
        path: "forecast_history",
        columns: &[
            ("building_id", Text),
            ("issued_at", Time),
            ("revision", Whole),
            ("valid_at", Time),
            ("lead_hours", Whole),
            ("demand_lower_kwh", Number),
            ("source", Text),
            ("quality", Number),
            ("published_at", Time),
            ("superseded_at", Time),
            ("quantile_levels", Numbers),
        ],
        key: "building_id,issued_at,valid_at,revision",
    },
    View {
        path: "accuracy",
        columns: &[
            ("building_id", Text),
            ("lead_day", Whole),
            ("hours", Whole),
            ("mae_kwh", Number),
            ("coverage_pct", Number),
            ("promised_rmse_kwh", Number),
        ],
        key: "building_id,lead_day",
    },
];

fn value(random: &mut StdRng, kind: Kind) -> String {
    let of = |random: &mut StdRng, values: &[&str]| (*values.choose(random).unwrap()).to_owned();
    match kind {
        Text => {
            of(random, &["tall", "wide", "small-2", "lone", "grown", "shrunk", "profile", "nowhere", "", "%25", "'"])
        }
        Time => {
            let day = random.random_range(1..18);
            format!("2026-03-{day:02}T{:02}:00:00Z", random.random_range(0..24))
        }
        Number => of(random, &["0", "-1", "2.5", "8", "9.5", "1e300", "NaN", "-Infinity"]),
        Whole => of(random, &["0", "1", "2", "-1", "8", "40", "72", "2147483647"]),
        Texts => of(random, &["{}", "{no_model}", "{a,b}"]),
        Numbers => of(random, &["{}", "{0.5}", "{0.05,0.5,0.95}"]),
    }
}

/// Operator and value, as written after a column.
fn condition(random: &mut StdRng, kind: Kind) -> String {
    let compared = ["eq", "neq", "gt", "gte", "lt", "lte", "isdistinct"];
    let text = ["like", "ilike", "match", "imatch", "fts", "plfts", "phfts", "wfts"];
    let lists = ["cs", "cd", "ov", "eq", "neq"];
    let not = if random.random_bool(0.2) { "not." } else { "" };
    let (first, second) = (value(random, kind), value(random, kind));
    let condition = match random.random_range(0..8) {
        0 => "is.null".to_owned(),
        1 if !matches!(kind, Texts | Numbers) => format!("in.(\"{first}\",\"{second}\")"),
        2 if !matches!(kind, Texts | Numbers) => format!("gt(any).{{\"{first}\",\"{second}\"}}"),
        3 if kind == Text => {
            format!("{}.{}", text.choose(random).unwrap(), ["tall", "*all*", "s", "small"].choose(random).unwrap())
        }
        _ if matches!(kind, Texts | Numbers) => format!("{}.{first}", lists.choose(random).unwrap()),
        _ => format!("{}.{first}", compared.choose(random).unwrap()),
    };
    format!("{not}{condition}")
}

struct Query {
    path: String,
    headers: Vec<(&'static str, String)>,
}

fn query(random: &mut StdRng, view: &View) -> Query {
    let mut parts = Vec::new();
    for _ in 0..random.random_range(0..4) {
        let mut pick = || view.columns[random.random_range(0..view.columns.len())];
        let ((one, kind), (other, other_kind)) = (pick(), pick());
        parts.push(match random.random_range(0..5) {
            0 => format!("or=({one}.{},{other}.{})", nested(random, kind), nested(random, other_kind)),
            1 => format!(
                "not.and=({one}.{},or({other}.{},{one}.is.null))",
                nested(random, kind),
                nested(random, other_kind)
            ),
            _ => format!("{one}={}", condition(random, kind)),
        });
    }
    if random.random_bool(0.5) {
        let mut columns: Vec<&str> = view.columns.iter().map(|(name, _)| *name).collect();
        columns.shuffle(random);
        columns.truncate(random.random_range(1..4));
        let renamed = ["", "x:"].choose(random).unwrap();
        let cast = ["", "::text"].choose(random).unwrap();
        parts.push(format!("select={renamed}{}{cast}", columns.join(",")));
    }
    // Ties are ordered by the key, so that pages are the same.
    let (first, _) = view.columns.choose(random).unwrap();
    let direction = ["", ".desc", ".desc.nullslast", ".asc.nullsfirst"].choose(random).unwrap();
    parts.push(format!("order={first}{direction},{}", view.key));
    let mut headers = Vec::new();
    match random.random_range(0..4) {
        0 => parts.push(format!("limit={}&offset={}", random.random_range(0..50), random.random_range(0..20))),
        1 => headers.push(("range", format!("{}-{}", random.random_range(0..3), random.random_range(3..60)))),
        _ => parts.push("limit=300".to_owned()),
    }
    if random.random_bool(0.3) {
        headers.push(("prefer", "count=exact".to_owned()));
    }
    if random.random_bool(0.2) {
        headers.push(("accept", "text/csv".to_owned()));
    }
    Query { path: format!("{}?{}", view.path, parts.join("&")), headers }
}

/// Like [`condition`], without values that need quoting in a logic tree.
fn nested(random: &mut StdRng, kind: Kind) -> String {
    loop {
        let found = condition(random, kind);
        if !found.contains(['{', '\'', '%']) && !found.ends_with('.') {
            return found;
        }
    }
}

/// Status, range and body.
async fn answer(api: &Api, query: &Query, more: &str, who: (&str, &str)) -> (u16, String, String) {
    let mut request = api.get(&format!("{}{more}", query.path), who.0, who.1);
    for (name, value) in &query.headers {
        request = request.header(*name, value);
    }
    let answer = request.send().await.unwrap();
    let range = answer.headers().get("content-range").map(|range| range.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert!(status < 500, "{who:?}: {}: {status} {text}", query.path);
    for words in ["select ", "from energy", "where (", "api_limits", "energy."] {
        assert!(status < 400 || !text.to_lowercase().contains(words), "{}: {text}", query.path);
    }
    (status, range.unwrap_or_default(), text)
}

#[tokio::test]
async fn each_subject_gets_exactly_the_rows_of_its_buildings() {
    let (_database, api, mut postgres) = street().await;
    let all = format!("insert into energy.building_access select '{}', building_id from raw.buildings", ALL.0);
    run(&mut postgres, &all).await;
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut with_rows, mut refused) = (0, 0);
    for _ in 0..QUERIES {
        let view = VIEWS.choose(&mut random).unwrap();
        let (subject, granted) = *ACCESS.choose(&mut random).unwrap();
        let role = *["supplier", "resident"].choose(&mut random).unwrap();
        let asked = query(&mut random, view);
        let found = answer(&api, &asked, "", (subject, role)).await;
        let large = |building: &str| BUILDINGS.iter().any(|(name, size)| *name == building && *size >= 5);
        let seen: Vec<&str> = granted.iter().copied().filter(|one| role == "resident" || large(one)).collect();
        let mut restriction = format!("&building_id=in.({})", seen.join(","));
        if role == "supplier" && view.path == "forecast_history" {
            restriction += "&or=(building_id.neq.grown,issued_at.gte.2026-03-10T08:00:00Z)";
        } else if role == "supplier" && view.path == "accuracy" {
            restriction += "&building_id=neq.grown";
        }
        let expected = answer(&api, &asked, &restriction, ALL).await;
        assert_eq!(found, expected, "seed {seed}: {subject} as {role}: {} {:?}", asked.path, asked.headers);
        with_rows += usize::from(found.0 < 300 && found.2.len() > 200);
        refused += usize::from(found.0 >= 400);
    }
    println!("{with_rows} with rows, {refused} refused");
    assert!(with_rows > QUERIES / 10 && refused < QUERIES / 2, "{with_rows} with rows, {refused} refused");
}
