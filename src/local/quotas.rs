//! Service Quotas' wire protocol over the modelled quotas: AWS JSON 1.1, version 2019-06-24.
//!
//! One quota is served, the vCPUs of on-demand instances of the standard families, with the metric of
//! its usage named as AWS names it. `GetAWSDefaultServiceQuota` answers with what AWS gives everybody.

use serde_json::json;

use super::document::{Value, WireAnswer, json};
use crate::domain::RegionId;
use crate::domain::digest::Digest;
use crate::world::quotas::Quotas;

/// The service's name in targets, with its version.
const SERVICE: &str = "ServiceQuotasV20190624";

/// The one service and quota.
const CODES: (&str, &str) = ("ec2", "L-1216C47A");

/// What AWS gives everybody (EC2 User Guide, "Amazon EC2 instance type quotas").
const DEFAULT_VCPUS: u32 = 5;

/// Letters of a request's ID.
const ID_DIGITS: usize = 32;

/// Serves one request for this Region. `target` is the header `x-amz-target`.
pub(super) fn handle(quotas: &Quotas, region: &RegionId, target: &str, body: &[u8]) -> WireAnswer {
    let operation = target.split_once('.').filter(|(service, _)| *service == SERVICE);
    let answer = match (operation, json::read(body)) {
        (Some((_, operation)), Some(input)) => carry_out(quotas, region, operation, &input),
        (None, _) => Err(("UnknownOperationException", format!("{target} is not modelled here"))),
        (_, None) => Err(("SerializationException", "the body is not JSON".to_owned())),
    };
    let (status, document) = match answer {
        Ok(document) => (200, document),
        Err((code, message)) => (400, json!({ "__type": code, "Message": message })),
    };
    let id: String = Digest::of(body).to_string().chars().take(ID_DIGITS).collect();
    let content_type = "application/x-amz-json-1.1".to_owned();
    WireAnswer {
        status,
        headers: vec![("content-type", content_type), ("x-amzn-requestid", id)],
        body: document.to_string().into_bytes(),
        wrote: false,
    }
}

fn carry_out(
    quotas: &Quotas,
    region: &RegionId,
    operation: &str,
    input: &Value,
) -> Result<serde_json::Value, (&'static str, String)> {
    let vcpus = match operation {
        "GetServiceQuota" => quotas.vcpus(region),
        "GetAWSDefaultServiceQuota" => Some(DEFAULT_VCPUS),
        other => {
            return Err(("UnknownOperationException", format!("{other} is not modelled here")));
        }
    };
    let asked = (input.text_at("ServiceCode"), input.text_at("QuotaCode"));
    let (Some(vcpus), true) = (vcpus, asked == (Some(CODES.0), Some(CODES.1))) else {
        let message = "The request failed because the specified quota does not exist.".to_owned();
        return Err(("NoSuchResourceException", message));
    };
    Ok(json!({ "Quota": {
        "ServiceCode": CODES.0,
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaCode": CODES.1,
        "QuotaArn": format!("arn:aws:servicequotas:{region}:123456789012:ec2/{}", CODES.1),
        "QuotaName": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        "Value": f64::from(vcpus),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
        "UsageMetric": {
            "MetricNamespace": "AWS/Usage",
            "MetricName": "ResourceCount",
            "MetricDimensions": {
                "Class": "Standard/OnDemand", "Resource": "vCPU", "Service": "EC2", "Type": "Resource",
            },
            "MetricStatisticRecommendation": "Maximum",
        },
    } }))
}
