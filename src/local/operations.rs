//! The operations that the local endpoints serve: the one list of them.
//!
//! A fault on the wire that names another one would be a drill in which nothing happens, so it is
//! refused; and each is tried with the public `aws` command line by `tests/by-hand.sh`.

use crate::world::fault::AwsService;

/// Every operation, with its service.
pub const OPERATIONS: [(AwsService, &str); 42] = [
    (AwsService::Dynamodb, "CreateTable"),
    (AwsService::Dynamodb, "DeleteItem"),
    (AwsService::Dynamodb, "DeleteTable"),
    (AwsService::Dynamodb, "DescribeTable"),
    (AwsService::Dynamodb, "GetItem"),
    (AwsService::Dynamodb, "ListTables"),
    (AwsService::Dynamodb, "PutItem"),
    (AwsService::Dynamodb, "Query"),
    (AwsService::Dynamodb, "Scan"),
    (AwsService::Dynamodb, "TransactWriteItems"),
    (AwsService::Dynamodb, "UpdateItem"),
    (AwsService::Dynamodb, "UpdateTable"),
    (AwsService::Route53, "ChangeResourceRecordSets"),
    (AwsService::Route53, "CreateHealthCheck"),
    (AwsService::Route53, "CreateHostedZone"),
    (AwsService::Route53, "GetChange"),
    (AwsService::Route53, "GetHealthCheck"),
    (AwsService::Route53, "GetHealthCheckStatus"),
    (AwsService::Route53, "GetHostedZone"),
    (AwsService::Route53, "ListHealthChecks"),
    (AwsService::Route53, "ListHostedZones"),
    (AwsService::Route53, "ListHostedZonesByName"),
    (AwsService::Route53, "ListResourceRecordSets"),
    (AwsService::Route53, "UpdateHealthCheck"),
    (AwsService::Elbv2, "DescribeLoadBalancers"),
    (AwsService::Elbv2, "DescribeTargetGroups"),
    (AwsService::Elbv2, "DescribeTargetHealth"),
    (AwsService::Cloudwatch, "DescribeAlarms"),
    (AwsService::Cloudwatch, "GetMetricData"),
    (AwsService::Cloudwatch, "PutMetricData"),
    (AwsService::Cloudwatch, "SetAlarmState"),
    (AwsService::Rds, "DescribeDBClusterSnapshots"),
    (AwsService::Rds, "DescribeDBClusters"),
    (AwsService::Rds, "DescribeGlobalClusters"),
    (AwsService::Rds, "FailoverGlobalCluster"),
    (AwsService::Rds, "SwitchoverGlobalCluster"),
    (AwsService::Autoscaling, "DescribeAutoScalingGroups"),
    (AwsService::Autoscaling, "SetDesiredCapacity"),
    (AwsService::ServiceQuotas, "GetAWSDefaultServiceQuota"),
    (AwsService::ServiceQuotas, "GetServiceQuota"),
    (AwsService::Sns, "Publish"),
    (AwsService::Sts, "AssumeRole"),
];

/// Why a scope concerns nothing that is served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} is no operation that is served{of}; use one of {known}")]
pub struct NotServed {
    operation: String,
    of: String,
    known: String,
}

/// Whether an operation is served, by this service if one is named.
///
/// # Errors
/// When it is not: with those that are.
pub fn check(service: Option<AwsService>, operation: &str) -> Result<(), NotServed> {
    let served =
        || OPERATIONS.iter().filter(|(of, _)| service.is_none_or(|service| service == *of));
    if served().any(|(_, name)| *name == operation) {
        return Ok(());
    }
    Err(NotServed {
        operation: operation.to_owned(),
        of: service.map(|service| format!(" by {service}")).unwrap_or_default(),
        known: super::words::list(served().map(|(_, name)| name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_looked_for_where_it_is_said_to_be() {
        assert_eq!(check(None, "PutItem"), Ok(()));
        assert_eq!(check(Some(AwsService::Dynamodb), "PutItem"), Ok(()));
        let error = check(Some(AwsService::Route53), "PutItem").expect_err("of DynamoDB");
        assert!(
            error.to_string().starts_with("PutItem is no operation that is served by Route 53")
        );
        assert!(check(None, "PutItems").is_err());
    }

    /// Named as `aws dynamodb put-item` is.
    #[test]
    fn each_operation_is_tried_by_hand_with_the_public_command_line() {
        let script = include_str!("../../tests/by-hand.sh");
        for (service, operation) in OPERATIONS {
            let mut words = String::new();
            let letters: Vec<char> = operation.chars().collect();
            for (n, letter) in letters.iter().enumerate() {
                let small = |at: Option<usize>| {
                    at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_lowercase)
                };
                // `DB` in `DescribeDBClusters` is one word.
                let begins =
                    letter.is_ascii_uppercase() && (small(n.checked_sub(1)) || small(Some(n + 1)));
                if begins && n > 0 {
                    words.push('-');
                }
                words.push(letter.to_ascii_lowercase());
            }
            let service = match service {
                AwsService::Dynamodb => "dynamodb",
                AwsService::Route53 => "route53",
                AwsService::Elbv2 => "elbv2",
                AwsService::Cloudwatch => "cloudwatch",
                AwsService::Rds => "rds",
                AwsService::Autoscaling => "autoscaling",
                AwsService::ServiceQuotas => "service-quotas",
                AwsService::Sns => "sns",
                AwsService::Sts => "sts",
            };
            let command = format!("aws {service} {words} ");
            assert!(script.contains(&command), "tests/by-hand.sh does not try `{command}`");
        }
    }
}
