//! Phala's verifier of quotes and virtee's of reports behind a line protocol: a JSON case a line in, a JSON answer a line out.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use base64::{engine::general_purpose::STANDARD, Engine};
use dcap_qvl::{configs::DefaultConfig, verify::QuoteVerifier, QuoteCollateralV3};
use serde::{Deserialize, Serialize};
use sev::certs::snp::{builtin, ca, Certificate, Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

#[derive(Deserialize)]
struct Case {
    tee: String,
    evidence: String,
    at: u64,
    #[serde(default)]
    collateral: HashMap<String, String>,
    #[serde(default)]
    certificate: String,
    #[serde(default)]
    product: String,
    /// DER; Intel's where there is none.
    #[serde(default)]
    root: String,
}

#[derive(Serialize)]
struct Answer {
    accepted: bool,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advisories: Option<Vec<String>>,
}

type Outcome = Result<(Option<String>, Option<Vec<String>>), String>;

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    if text.len() % 2 != 0 {
        return Err("hexadecimal".into());
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2).ok_or("hexadecimal")?, 16).map_err(|error| error.to_string())).collect()
}

fn judge_dcap(case: &Case) -> Outcome {
    let text = |name: &str| case.collateral.get(name).cloned().unwrap_or_default();
    let collateral = QuoteCollateralV3 {
        pck_crl_issuer_chain: text("pck_crl_issuer_chain"),
        root_ca_crl: bytes(&text("root_ca_crl"))?,
        pck_crl: bytes(&text("pck_crl"))?,
        tcb_info_issuer_chain: text("tcb_info_issuer_chain"),
        tcb_info: text("tcb_info"),
        tcb_info_signature: hex(&text("tcb_info_signature"))?,
        qe_identity_issuer_chain: text("qe_identity_issuer_chain"),
        qe_identity: text("qe_identity"),
        qe_identity_signature: hex(&text("qe_identity_signature"))?,
        pck_certificate_chain: None,
    };
    let verifier = if case.root.is_empty() { QuoteVerifier::<DefaultConfig>::new_prod() } else { QuoteVerifier::<DefaultConfig>::new(bytes(&case.root)?) };
    let report = verifier.allow_debug(true).allow_service_td(true).verify(&bytes(&case.evidence)?, &collateral, case.at).map_err(|error| format!("{error:?}"))?;
    Ok((Some(report.status), Some(report.advisory_ids)))
}

fn judge_snp(case: &Case) -> Outcome {
    let fault = |error: std::io::Error| error.to_string();
    let report = AttestationReport::from_bytes(&bytes(&case.evidence)?).map_err(|error| format!("{error:?}"))?;
    let (ark, ask) = match case.product.split('-').next().unwrap_or_default() {
        "Milan" => (builtin::milan::ark(), builtin::milan::ask()),
        "Genoa" => (builtin::genoa::ark(), builtin::genoa::ask()),
        _ => (builtin::turin::ark(), builtin::turin::ask()),
    };
    let chain = Chain { ca: ca::Chain { ark: ark.map_err(fault)?, ask: ask.map_err(fault)? }, vek: Certificate::from_der(&bytes(&case.certificate)?).map_err(fault)? };
    (&chain, &report).verify().map_err(|error| format!("{error:?}"))?;
    Ok((None, None))
}

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input");
        let outcome: Outcome = match serde_json::from_str::<Case>(&line) {
            Err(error) => Err(error.to_string()),
            Ok(case) => std::panic::catch_unwind(|| if case.tee == "snp" { judge_snp(&case) } else { judge_dcap(&case) }).unwrap_or_else(|_| Err("panic".into())),
        };
        let answer = match outcome {
            Ok((status, advisories)) => Answer { accepted: true, reason: String::new(), status, advisories },
            Err(reason) => Answer { accepted: false, reason, status: None, advisories: None },
        };
        writeln!(out, "{}", serde_json::to_string(&answer).expect("an answer")).expect("standard output");
        out.flush().expect("standard output");
    }
}
