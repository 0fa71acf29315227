//! `cargo run -p mesh-tests --bin conformance -- --count 1000 --seed 7`: compares the prediction with what istiod's
//! own code builds, over fresh random scenarios. Every difference is made small and kept.

mod admission;
mod compare;
mod fixes;
mod generate;
mod generate_sidecar;
mod histogram;
mod oracle;
mod random;
mod scenario;
mod shrink;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use compare::{Difference, LEVELS, predict};
use oracle::{Oracle, Said};
use scenario::Scenario;
use serde_json::Value;
use shrink::{Outcome, judge, shrink, shrink_keeping, shrink_unsettled};

const USAGE: &str = "conformance [--sidecar] [--count N] [--seed N] [--jobs N] [--shrink N] [--out DIR]

Compares N scenarios, made from seeds that follow --seed, with what istiod's own code builds (Go is needed).
  --sidecar   scenarios around a pod with a sidecar; without, around a gateway
  --count N   how many scenarios; 300
  --seed N    the first seed; 1
  --jobs N    processes of istiod's code; 2
  --shrink N  how many differences are made small; 20
  --out DIR   where differences are kept; a new directory of the temporary one
  --keep DIR  write small scenarios with istiod's answers there: such as add a reason or a trap that is still rare
  --rare N    how often a reason or trap is wanted among those kept; 6
  --admission N     instead: how N objects with mistakes are judged, compared with istiod's validation
  --count-below N   exit with 1 when a reason or a trap occurred less often; 0
  --fixes     instead: applies the first proved fix of a closed port, and counts what istiod makes of it
Exit code: 0 all agree, 1 some differ, 2 not run.";

struct Options {
    sidecar: bool,
    count: u64,
    seed: u64,
    jobs: usize,
    shrink: usize,
    out: PathBuf,
    keep: Option<PathBuf>,
    rare: usize,
    count_below: usize,
    fixes: bool,
    admission: usize,
}

fn options() -> Result<Options, String> {
    let mut found = Options {
        sidecar: false,
        count: 300,
        seed: 1,
        jobs: 2,
        shrink: 20,
        out: PathBuf::new(),
        keep: None,
        rare: 6,
        count_below: 0,
        fixes: false,
        admission: 0,
    };
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        if matches!(name.as_str(), "-h" | "--help") {
            return Err(USAGE.to_owned());
        }
        if name == "--sidecar" {
            found.sidecar = true;
            continue;
        }
        if name == "--fixes" {
            found.fixes = true;
            continue;
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name} wants a value\n\n{USAGE}"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name} {value}: not a number"))
        };
        let small = || number().and_then(|n| usize::try_from(n).map_err(|e| e.to_string()));
        match name.as_str() {
            "--count" => found.count = number()?,
            "--seed" => found.seed = number()?,
            "--jobs" => found.jobs = small()?,
            "--shrink" => found.shrink = small()?,
            "--rare" => found.rare = small()?,
            "--admission" => found.admission = small()?,
            "--count-below" => found.count_below = small()?,
            "--out" => found.out = PathBuf::from(value),
            "--keep" => found.keep = Some(PathBuf::from(value)),
            _ => return Err(format!("{name} is no option\n\n{USAGE}")),
        }
    }
    if found.out.as_os_str().is_empty() {
        found.out = env::temp_dir().join(format!("conformance-{}", std::process::id()));
    }
    Ok(found)
}

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    match options().and_then(|o| run(&o, &mut out)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

/// What a run found.
#[derive(Default)]
struct Tally {
    compared: usize,
    agreed: [usize; 4],
    panics: usize,
    invalid: BTreeMap<String, usize>,
    reasons: BTreeMap<&'static str, usize>,
    traps: BTreeMap<&'static str, usize>,
    different: Vec<(u64, Scenario, Value, Difference)>,
    /// Those that istiod's own code answers in two ways.
    unsettled: Vec<(u64, Scenario, Value, Difference)>,
    kept: usize,
}

fn run(options: &Options, out: &mut dyn Write) -> Result<bool, String> {
    let oracle = Oracle::new(options.jobs)?;
    if options.admission > 0 {
        return admission::compare(&oracle, options.seed, options.admission, out);
    }
    let seeds: Vec<u64> = (0..options.count)
        .map(|n| options.seed.wrapping_add(n))
        .collect();
    if options.fixes {
        return fixes::run(&oracle, &seeds, options.shrink, &options.out, out);
    }
    let mut tally = Tally::default();
    let mut candidates: Vec<(Scenario, BTreeSet<&'static str>)> = Vec::new();
    let mut rare: BTreeMap<&str, usize> = BTreeMap::new();
    for seeds in seeds.chunks(100) {
        let make = if options.sidecar {
            generate_sidecar::scenario
        } else {
            generate::scenario
        };
        let mut scenarios: Vec<Scenario> = seeds.iter().map(|seed| make(*seed)).collect();
        let mut said = oracle.ask(&scenarios);
        take_out_refused(&oracle, &mut scenarios, &mut said);
        for ((seed, scenario), said) in seeds.iter().zip(&scenarios).zip(&said) {
            let said = &settled(&oracle, &mut tally, *seed, scenario, said);
            count(&mut tally, *seed, scenario, said);
            if options.keep.is_some() && matches!(judge(scenario, said), Outcome::Agrees) {
                let all = words(scenario);
                if all
                    .iter()
                    .any(|w| rare.get(w).copied().unwrap_or(0) < options.rare * 3)
                {
                    for word in &all {
                        *rare.entry(word).or_default() += 1;
                    }
                    candidates.push((scenario.clone(), all));
                }
            }
        }
    }
    if let Some(dir) = &options.keep {
        // The rarest first: they bring common ones along.
        let rarest = |all: &BTreeSet<&'static str>| {
            all.iter()
                .filter_map(|w| tally.reasons.get(w).or_else(|| tally.traps.get(w)))
                .min()
                .copied()
        };
        candidates.sort_by_key(|(_, all)| rarest(all));
        tally.kept = keep(&oracle, options, dir, candidates)?;
    }
    print(&tally, options, out).map_err(|e| e.to_string())?;
    let different = std::mem::take(&mut tally.different);
    keep_differences(&oracle, options, different, out)?;
    keep_unsettled(&oracle, options, std::mem::take(&mut tally.unsettled), out)?;
    // What cannot be asked does not agree either.
    if (tally.compared as u64) < options.count - options.count / 10 {
        return Err(format!(
            "only {} of {} scenarios could be compared",
            tally.compared, options.count
        ));
    }
    let thin = options.count_below > 0
        && reasons(options)
            .iter()
            .map(|r| tally.reasons.get(r))
            .chain(traps(options).iter().map(|t| tally.traps.get(t)))
            .any(|n| n.copied().unwrap_or(0) < options.count_below);
    Ok(tally.agreed[3] == tally.compared && !thin)
}

/// The reasons that are counted.
const fn reasons(options: &Options) -> &'static [&'static str] {
    if options.sidecar {
        &histogram::SIDECAR_REASONS
    } else {
        &histogram::REASONS
    }
}

/// The traps that are counted: sidecars have none yet.
const fn traps(options: &Options) -> &'static [&'static str] {
    if options.sidecar {
        &[]
    } else {
        &histogram::TRAPS
    }
}

/// Objects that Istio's webhook refuses cannot be in a cluster that has it.
fn take_out_refused(oracle: &Oracle, scenarios: &mut [Scenario], said: &mut [Said]) {
    for _ in 0..3 {
        let mut again: Vec<(usize, Scenario)> = Vec::new();
        for (n, (scenario, said)) in scenarios.iter().zip(said.iter()).enumerate() {
            if let Said::Answer(_, rejected) = said
                && !rejected.is_empty()
                && !scenario.bypass
            {
                let mut smaller = scenario.clone();
                smaller.objects.retain(|o| {
                    let word = |pointer: &str| {
                        o.pointer(pointer)
                            .and_then(Value::as_str)
                            .unwrap_or_default()
                    };
                    let name = format!(
                        "{} {}/{}:",
                        word("/kind"),
                        word("/metadata/namespace"),
                        word("/metadata/name")
                    );
                    !rejected.iter().any(|r| r.starts_with(&name))
                });
                again.push((n, smaller));
            }
        }
        if again.is_empty() {
            return;
        }
        let (places, smaller): (Vec<usize>, Vec<Scenario>) = again.into_iter().unzip();
        let answers = oracle.ask(&smaller);
        for ((n, scenario), answer) in places.into_iter().zip(smaller).zip(answers) {
            scenarios[n] = scenario;
            said[n] = answer;
        }
    }
}

/// A difference counts when istiod's own code says the same each time; otherwise it is told apart, and not compared.
fn settled(
    oracle: &Oracle,
    tally: &mut Tally,
    seed: u64,
    scenario: &Scenario,
    said: &Said,
) -> Said {
    let Outcome::Differs(answer, difference) = judge(scenario, said) else {
        return said.clone();
    };
    if !agrees_at_times(oracle, scenario) {
        return said.clone();
    }
    let unsettled = (seed, scenario.clone(), answer, difference);
    tally.unsettled.push(unsettled);
    Said::Unreadable("istiod's own code answers in two ways; see below".to_owned())
}

/// Whether istiod's own code, asked again, says what is predicted.
fn agrees_at_times(oracle: &Oracle, scenario: &Scenario) -> bool {
    let again = oracle.ask(&vec![scenario.clone(); TRIES]);
    let agrees = |s: &Said| matches!(judge(scenario, s), Outcome::Agrees);
    again.iter().any(agrees)
}

/// How often a differing scenario is asked again.
const TRIES: usize = 20;

fn count(tally: &mut Tally, seed: u64, scenario: &Scenario, said: &Said) {
    match judge(scenario, said) {
        Outcome::Invalid(why) => {
            let words: Vec<&str> = why
                .split_whitespace()
                .filter(|w| !w.contains('/'))
                .take(12)
                .collect();
            *tally.invalid.entry(words.join(" ")).or_default() += 1;
            return;
        }
        Outcome::Agrees => tally.agreed.iter_mut().for_each(|n| *n += 1),
        Outcome::Differs(answer, difference) => {
            tally
                .agreed
                .iter_mut()
                .take(difference.level)
                .for_each(|n| *n += 1);
            tally
                .different
                .push((seed, scenario.clone(), answer, difference));
        }
    }
    tally.compared += 1;
    if matches!(said, Said::Answer(answer, _) if answer.get("panic").is_some()) {
        tally.panics += 1;
    }
    if let Ok(predicted) = predict(&scenario.cluster(), &scenario.pod) {
        for reason in histogram::reasons(predicted.ledger()) {
            *tally.reasons.entry(reason).or_default() += 1;
        }
        for trap in histogram::traps(&predicted) {
            *tally.traps.entry(trap).or_default() += 1;
        }
    }
}

/// Reasons and traps of a scenario.
fn words(scenario: &Scenario) -> BTreeSet<&'static str> {
    let Ok(predicted) = predict(&scenario.cluster(), &scenario.pod) else {
        return BTreeSet::new();
    };
    let mut found = histogram::reasons(predicted.ledger());
    found.extend(histogram::traps(&predicted));
    if !predicted.class.prediction.config.listeners.is_empty() {
        found.insert(LISTENS);
    }
    found
}

/// What a kept scenario should still have when it is made small.
const LISTENS: &str = "a listener";

/// Makes those small that add a reason or a trap that is still rare, and keeps them with istiod's answers.
fn keep(
    oracle: &Oracle,
    options: &Options,
    dir: &Path,
    candidates: Vec<(Scenario, BTreeSet<&'static str>)>,
) -> Result<usize, String> {
    let mut had: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kept = 0;
    for (scenario, all) in candidates {
        let rare: BTreeSet<&str> = all
            .iter()
            .copied()
            .filter(|w| *w != LISTENS && had.get(w).copied().unwrap_or(0) < options.rare)
            .take(3)
            .collect();
        if rare.is_empty() {
            continue;
        }
        let wanted: BTreeSet<&str> = rare
            .into_iter()
            .chain(all.contains(LISTENS).then_some(LISTENS))
            .collect();
        let small = shrink_keeping(scenario, &|s| words(s).is_superset(&wanted));
        let said = oracle.ask(std::slice::from_ref(&small));
        let Some(Said::Answer(answer, rejected)) = said.first() else {
            continue;
        };
        let agrees = said
            .first()
            .is_some_and(|s| matches!(judge(&small, s), Outcome::Agrees));
        if !agrees || !(rejected.is_empty() || small.bypass) {
            continue;
        }
        for word in words(&small) {
            *had.entry(word).or_default() += 1;
        }
        let folder = dir.join(format!("{kept:04}"));
        small
            .write(&folder, Some(answer))
            .map_err(|e| e.to_string())?;
        kept += 1;
    }
    Ok(kept)
}

fn print(tally: &Tally, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let below = options.count_below;
    let share = |n: usize| 100.0 * n as f64 / tally.compared.max(1) as f64;
    writeln!(
        out,
        "{} scenarios compared with istiod, {} of them panic there",
        tally.compared, tally.panics
    )?;
    for (name, agreed) in LEVELS.iter().zip(&tally.agreed) {
        writeln!(out, "  {name:<15}{agreed:>7}  {:.2} %", share(*agreed))?;
    }
    if !tally.invalid.is_empty() {
        writeln!(out, "not compared:")?;
        for (why, n) in &tally.invalid {
            writeln!(out, "{n:>7}  {why}")?;
        }
    }
    writeln!(out, "\nscenarios with a reason:")?;
    for reason in reasons(options) {
        let n = tally.reasons.get(reason).copied().unwrap_or(0);
        writeln!(
            out,
            "{n:>7}  {reason}{}",
            if n < below { "  (too few)" } else { "" }
        )?;
    }
    writeln!(out, "\nscenarios with a trap:")?;
    for trap in traps(options) {
        let n = tally.traps.get(trap).copied().unwrap_or(0);
        writeln!(
            out,
            "{n:>7}  {trap}{}",
            if n < below { "  (too few)" } else { "" }
        )?;
    }
    if tally.kept > 0 {
        writeln!(out, "\n{} scenarios kept", tally.kept)?;
    }
    Ok(())
}

fn keep_differences(
    oracle: &Oracle,
    options: &Options,
    different: Vec<(u64, Scenario, Value, Difference)>,
    out: &mut dyn Write,
) -> Result<(), String> {
    let total = different.len();
    for (seed, scenario, answer, difference) in different.into_iter().take(options.shrink) {
        let (scenario, answer, difference) = shrink(oracle, scenario, answer, difference);
        let dir = options.out.join(format!("{seed}"));
        scenario
            .write(&dir, Some(&answer))
            .map_err(|e| e.to_string())?;
        let said = format!(
            "seed {seed}: {} differ\n  istiod    {}\n  predicted {}\n",
            LEVELS[difference.level], difference.istiod, difference.predicted,
        );
        fs::write(dir.join("difference.txt"), &said).map_err(|e| e.to_string())?;
        let io = |e: io::Error| e.to_string();
        writeln!(out, "\n{said}  {}", dir.display()).map_err(io)?;
        out.flush().map_err(io)?;
    }
    if total > 0 {
        writeln!(
            out,
            "\n{total} differ; kept under {}",
            options.out.display()
        )
        .map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Nothing hides behind istiod's randomness: each such scenario is shown, as small as it stays random.
fn keep_unsettled(
    oracle: &Oracle,
    options: &Options,
    unsettled: Vec<(u64, Scenario, Value, Difference)>,
    out: &mut dyn Write,
) -> Result<(), String> {
    for (seed, scenario, answer, difference) in unsettled.into_iter().take(options.shrink) {
        let small = shrink_unsettled(oracle, scenario);
        let dir = options.out.join(format!("{seed}-in-two-ways"));
        small
            .write(&dir, Some(&answer))
            .map_err(|e| e.to_string())?;
        writeln!(
            out,
            "\nseed {seed}: istiod's own code answers in two ways, and {} differ at times\n  istiod    {}\n  predicted {}\n{}  {}",
            LEVELS[difference.level],
            difference.istiod,
            difference.predicted,
            small.cluster(),
            dir.display()
        )
        .map_err(|e| e.to_string())?;
    }
    Ok(())
}
