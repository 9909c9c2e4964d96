//! How findings are printed.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::finding::{Finding, Verdict};
use crate::tail::escape::escaped;
use crate::tail::output::has_color;

/// Prints all findings, and returns the worst verdict.
pub(super) fn print(url: &impl core::fmt::Display, findings: &[Finding], is_json: bool) -> Verdict {
    let worst = findings.iter().map(|finding| finding.verdict).max();
    let worst = worst.unwrap_or(Verdict::Unknown).max(Verdict::Ok);
    let text = match is_json {
        true => {
            let findings: Vec<_> = findings.iter().map(object).collect();
            let url = url.to_string();
            let report = json!({ "url": url, "verdict": worst.as_str(), "findings": findings });
            escaped(&report.to_string()) + "\n"
        }
        false => table(findings),
    };
    // Nobody may be left to read it. The exit code says it too.
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    worst
}

fn object(finding: &Finding) -> serde_json::Value {
    json!({
        "check": finding.check,
        "verdict": finding.verdict.as_str(),
        "value": finding.value,
        "text": finding.text,
        "fix": finding.fix,
    })
}

fn table(findings: &[Finding]) -> String {
    let has_color = has_color();
    let mut table = String::new();
    for finding in findings.iter().filter(|finding| !finding.is_unseen()) {
        let style = match finding.verdict {
            _ if !has_color => Style::new(),
            Verdict::Unknown => Style::new().dimmed(),
            Verdict::Ok => AnsiColor::Green.on_default(),
            Verdict::Warning => AnsiColor::Yellow.on_default(),
            Verdict::Error => AnsiColor::Red.on_default().bold(),
        };
        let verdict = finding.verdict.as_str();
        let text = escaped(&finding.text);
        table += &format!(
            "{style}{verdict:<8}{style:#} {:<13} {text}\n",
            finding.check
        );
        if let Some(fix) = finding.fix {
            table += &format!("{:22} {fix}\n", "");
        }
    }
    table
}
