//! What detectors say of a row, and of what it is made.

/// Of one row; nothing where too little of it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// How sure it is an anomaly: one less the probability of a row as odd among normal ones; of alerts their
    /// probability.
    pub score: Option<f64>,
    /// Whether the detector alarms.
    pub is_anomaly: Option<bool>,
    /// What the detector computes: a normal score, an isolation score, an outlier factor, log-odds.
    pub raw: Option<f64>,
    /// The posterior predictive tail of the day by itself.
    pub tail: Option<f64>,
    /// Expected target.
    pub expected: Option<f64>,
    /// The least that is no alarm.
    pub lower: Option<f64>,
    /// The most that is no alarm.
    pub upper: Option<f64>,
    /// The sum of a run of days, negative where it is below.
    pub cusum: Option<f64>,
    /// Days of the run.
    pub run_days: Option<u32>,
}

/// One part of what made a row's score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// A feature, or in parentheses what is none.
    pub feature: String,
    /// Its value.
    pub value: Option<f64>,
    /// What it typically is.
    pub typical: Option<f64>,
    /// What it adds, in the unit of the target or of the detector's own score.
    pub contribution: f64,
    /// By how much the feature would have to be another one to explain what is left, in its own unit.
    pub would_explain: Option<f64>,
}
