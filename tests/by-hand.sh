#!/usr/bin/env bash
# What a person would do with other people's tools: the public aws command line and dig, against a
# fleet on loopback. Each part is skipped, with a line that says so, where its tool is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked --quiet
regent="${CARGO_TARGET_DIR:-target}/debug/regent"
folder=$(mktemp -d)
# The shipped fleet, and a service that is a failover pair.
cp -r regions "$folder/files"
cat >> "$folder/files/fleet.toml" <<'TOML'

[services.shop]
zone = "Z0REGENTDEMO"
name = "shop.demo.example"
type = "A"
routing = "failover"
primary = "eu-west-1"

[services.shop.probe]
path = "/healthz"
status = 200
timeout_ms = 1000
TOML
for region in eu-west-1 us-east-1; do
    cat >> "$folder/files/$region.toml" <<TOML

[services.shop]
weight = 100
url = "http://shop.$region.demo.example"
record = { values = ["198.51.100.30"], ttl_s = 5 }
TOML
done
"$regent" up --regions "$folder/files" --env "$folder/local.env" > "$folder/up.log" 2>&1 &
up=$!
trap 'kill "$up" 2>/dev/null || true; wait "$up" 2>/dev/null || true; rm -rf "$folder"' EXIT

fail() { echo "FAILED: $*"; tail -n 20 "$folder/up.log"; exit 1; }

# Runs a command every half second until it succeeds, for two minutes at most.
await() {
    local what=$1; shift
    for _ in $(seq 240); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        kill -0 "$up" 2>/dev/null || fail "up ended while waiting: $what"
        sleep 0.5
    done
    fail "$what"
}

await "the environment file is written" test -s "$folder/local.env"
# shellcheck disable=SC1091
. "$folder/local.env"
await "somebody leads" grep -q 'leads (epoch' "$folder/up.log"

# Reads to the end, as `grep -q` does not: whoever writes into a closed pipe fails.
has() { grep "$@" >/dev/null; }

passed=0 skipped=0
ok() { passed=$((passed + 1)); echo "ok: $*"; }
skip() { skipped=$((skipped + 1)); echo "skipped: $*"; }

if command -v aws >/dev/null 2>&1; then
    rrsets() { aws route53 list-resource-record-sets --hosted-zone-id Z0REGENTDEMO --output text "$@"; }
    rrsets | has 'web.demo.example.' || fail "aws route53 lists no record of web"
    ok "aws route53 list-resource-record-sets"
    seat=$(aws dynamodb get-item --table-name demo-seats --key '{"id":{"S":"seat"}}' \
        --consistent-read --query 'Item.epoch.N' --output text)
    [ "$seat" -ge 1 ] || fail "the seat has epoch $seat"
    ok "aws dynamodb get-item"
    aws dynamodb query --table-name demo-board --key-condition-expression 'kind = :k' \
        --expression-attribute-values '{":k":{"S":"report"}}' --query 'Count' --output text \
        | has -x 3 || fail "aws dynamodb query does not find three reports"
    ok "aws dynamodb query"
    if aws dynamodb put-item --table-name demo-seats --item '{"id":{"S":"seat"}}' \
        --condition-expression 'attribute_not_exists(id)' 2> "$folder/refused"; then
        fail "a condition that does not hold was let through"
    fi
    grep -q ConditionalCheckFailed "$folder/refused" || fail "$(cat "$folder/refused")"
    ok "aws dynamodb put-item with a condition that does not hold"
    cat > "$folder/batch.json" <<'JSON'
{"Changes": [
  {"Action": "CREATE", "ResourceRecordSet": {"Name": "new.demo.example", "Type": "A", "TTL": 60,
    "ResourceRecords": [{"Value": "192.0.2.1"}]}},
  {"Action": "DELETE", "ResourceRecordSet": {"Name": "absent.demo.example", "Type": "A", "TTL": 60,
    "ResourceRecords": [{"Value": "192.0.2.1"}]}}]}
JSON
    if aws route53 change-resource-record-sets --hosted-zone-id Z0REGENTDEMO \
        --change-batch "file://$folder/batch.json" 2> "$folder/refused"; then
        fail "a batch with one bad change was let through"
    fi
    grep -q InvalidChangeBatch "$folder/refused" || fail "$(cat "$folder/refused")"
    if rrsets | has 'new.demo.example'; then fail "half a batch was applied"; fi
    ok "aws route53 change-resource-record-sets, whole or not at all"
    here=(--region eu-west-1)
    group=$(aws elbv2 describe-target-groups "${here[@]}" --names web --output text \
        --query 'TargetGroups[0].TargetGroupArn')
    aws elbv2 describe-load-balancers "${here[@]}" --names web --output text \
        --query 'LoadBalancers[0].State.Code' | has -x active || fail "aws elbv2 finds no balancer"
    aws elbv2 describe-target-health "${here[@]}" --target-group-arn "$group" --output text \
        --query 'length(TargetHealthDescriptions)' | has -x 6 \
        || fail "aws elbv2 describe-target-health does not find six targets"
    ok "aws elbv2 describes target groups, load balancers and target health"
    if aws elbv2 describe-target-health --region us-east-1 --target-group-arn "$group" \
        2> "$folder/refused"; then
        fail "a target group of another Region was found"
    fi
    grep -q TargetGroupNotFound "$folder/refused" || fail "$(cat "$folder/refused")"
    ok "aws elbv2 knows a target group in its own Region only"
    state() { aws cloudwatch describe-alarms "${here[@]}" --alarm-names web-5xx --output text \
        --query 'MetricAlarms[0].StateValue'; }
    [ "$(state)" = OK ] || fail "web-5xx is $(state)"
    aws cloudwatch set-alarm-state "${here[@]}" --alarm-name web-5xx \
        --state-value INSUFFICIENT_DATA --state-reason 'by hand'
    [ "$(state)" = INSUFFICIENT_DATA ] || fail "web-5xx is $(state)"
    if aws cloudwatch set-alarm-state "${here[@]}" --alarm-name none --state-value OK \
        --state-reason x 2> "$folder/refused"; then
        fail "an alarm that is not there was set"
    fi
    grep -q ResourceNotFound "$folder/refused" || fail "$(cat "$folder/refused")"
    ok "aws cloudwatch describe-alarms and set-alarm-state"
    aws cloudwatch put-metric-data "${here[@]}" --namespace Demo --metric-name Orders --value 7
    ago() { date -u -d "@$(($(date +%s) - $1))" +%FT%TZ; }
    aws cloudwatch get-metric-data "${here[@]}" --start-time "$(ago 600)" --end-time "$(ago 0)" \
        --output text --query 'MetricDataResults[0].StatusCode' \
        --metric-data-queries '[{"Id":"m","MetricStat":{"Stat":"Sum","Period":60,
            "Metric":{"Namespace":"Demo","MetricName":"Orders"}}}]' \
        | has -x Complete || fail "aws cloudwatch get-metric-data"
    ok "aws cloudwatch put-metric-data and get-metric-data"

    # aws 1 has an endpoint of its own for RDS in us-east-1, whatever AWS_ENDPOINT_URL says.
    at=(--endpoint-url "$AWS_ENDPOINT_URL")
    orders() { aws rds describe-global-clusters "${at[@]}" --region "$1" --output text \
        --global-cluster-identifier demo-orders --query "GlobalClusters[0].$2"; }
    writer() { orders "$1" 'GlobalClusterMembers[?IsWriter].DBClusterArn | [0]'; }
    member() { aws rds describe-db-clusters "${at[@]}" --region "$1" --output text \
        --db-cluster-identifier "demo-orders-$1" --query "DBClusters[0].$2"; }
    writer us-east-1 | has ':us-east-1:' || fail "the writer is $(writer us-east-1)"
    [ "$(member eu-west-1 Status)" = available ] || fail "the member is $(member eu-west-1 Status)"
    ok "aws rds describe-global-clusters and describe-db-clusters"
    move=(--global-cluster-identifier demo-orders --target-db-cluster-identifier)
    europe=$(member eu-west-1 DBClusterArn)
    aws rds switchover-global-cluster "${at[@]}" --region us-east-1 "${move[@]}" "$europe" --output text \
        --query GlobalCluster.FailoverState.Status | has -x pending \
        || fail "aws rds switchover-global-cluster"
    if aws rds failover-global-cluster "${at[@]}" --region eu-west-1 "${move[@]}" "$europe" \
        --allow-data-loss 2> "$folder/refused"; then
        fail "a second move was let through while one runs"
    fi
    grep -q InvalidGlobalClusterStateFault "$folder/refused" || fail "$(cat "$folder/refused")"
    writes_in() { writer us-east-1 | has ":$1:"; }
    await "the writer is in eu-west-1" writes_in eu-west-1
    ok "aws rds switchover-global-cluster"
    still() { [ "$(orders us-east-1 'length(GlobalClusterMembers[?SynchronizationStatus!=`connected`])')" = 0 ] \
        && [ "$(orders us-east-1 FailoverState)" = None ]; }
    await "everybody follows" still
    aws rds failover-global-cluster "${at[@]}" --region us-east-1 "${move[@]}" \
        "$(member us-east-1 DBClusterArn)" --allow-data-loss >/dev/null
    await "the writer is in us-east-1" writes_in us-east-1
    snapshot() { aws rds describe-db-cluster-snapshots "${at[@]}" --region eu-west-1 --output text \
        --db-cluster-identifier demo-orders-eu-west-1 \
        --query 'DBClusterSnapshots[0].DBClusterSnapshotIdentifier' \
        | has '^rds:unplanned-global-failover-demo-orders-eu-west-1-'; }
    await "the old writer's volume is kept" snapshot
    ok "aws rds failover-global-cluster and describe-db-cluster-snapshots"

    if aws sts assume-role "${at[@]}" --region eu-west-1 --role-session-name by-hand \
        --role-arn arn:aws:iam::210987654321:role/nobody >"$folder/sts" 2>&1; then
        fail "aws sts assume-role of a role that is not there"
    fi
    has AccessDenied < "$folder/sts" || fail "aws sts assume-role says why"
    ok "aws sts assume-role"

    # The page by hand does what the run does: its commands, as they are printed, one after another.
    page() { "$regent" runbook show "$@" --manual; }
    # Runs the blocks of a page's numbered steps. aws 1 ignores AWS_ENDPOINT_URL for some services.
    by_hand() {
        awk '/^## [0-9]+\./ { steps = 1 } /^## [^0-9]/ { steps = 0 }
            /^### / { undo = ($0 ~ /undo/) }
            /^```sh/ { block = steps && !undo; next } /^```/ { if (block) print ""; block = 0 }
            block' > "$folder/page.sh"
        [ -s "$folder/page.sh" ] || fail "the page has no commands"
        (cd "$folder" && PATH="$folder/bin:$PATH" timeout 300 bash -e page.sh > page.out 2>&1) \
            || fail "the page by hand: $(tail -n 5 "$folder/page.out")"
    }
    mkdir -p "$folder/bin"
    printf '#!/bin/sh\nexec %s --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n' "$(command -v aws)" \
        > "$folder/bin/aws"
    chmod +x "$folder/bin/aws"
    await "everybody follows" still
    page switch-database --set database=orders --set from=us-east-1 --set to=eu-west-1 | by_hand
    writes_in eu-west-1 || fail "by hand the writer went to $(writer us-east-1)"
    await "everybody follows" still
    "$regent" switchover orders --to us-east-1 --by ada --reason 'and back' >/dev/null \
        || fail "regent switchover"
    writes_in us-east-1 || fail "the run left the writer at $(writer us-east-1)"
    ok "the page by hand for switch-database ends where its run does"
    capacity() { for region in eu-west-1 us-east-1; do aws autoscaling describe-auto-scaling-groups \
        --region "$region" --auto-scaling-group-names demo-api demo-web --output text \
        --query "AutoScalingGroups[].$1"; done; }
    [ "$(echo $(capacity DesiredCapacity))" = "6 6 6 6" ] || fail "groups want $(capacity DesiredCapacity)"
    if aws autoscaling set-desired-capacity --region eu-west-1 --auto-scaling-group-name demo-web \
        --desired-capacity 21 2> "$folder/refused"; then
        fail "a group was raised above its most"
    fi
    grep -q 'above max value 20' "$folder/refused" || fail "$(cat "$folder/refused")"
    ok "aws autoscaling describe-auto-scaling-groups, and set-desired-capacity within the limits"
    aws service-quotas get-service-quota --region eu-west-1 --service-code ec2 \
        --quota-code L-1216C47A --output text --query Quota.Value | has -x 256.0 \
        || fail "aws service-quotas get-service-quota"
    aws service-quotas get-aws-default-service-quota --region eu-west-1 --service-code ec2 \
        --quota-code L-1216C47A --output text --query Quota.Value | has -x 5.0 \
        || fail "aws service-quotas get-aws-default-service-quota"
    ok "aws service-quotas: the account's vCPUs, and everybody's"
    lower() { for region in eu-west-1 us-east-1; do for group in demo-api demo-web; do
        aws autoscaling set-desired-capacity --region "$region" --auto-scaling-group-name "$group" \
            --desired-capacity 6; done; done; }
    aws sns publish --region eu-west-1 --topic-arn arn:aws:sns:eu-west-1:123456789012:demo-notices \
        --subject 'by hand' --message 'told by hand' --output text --query MessageId \
        | has -E '^[0-9a-f-]{36}$' || fail "aws sns publish"
    people_hear() { grep -q "people are told through .*: $1" "$folder/up.log"; }
    await "what people are told is shown" people_hear 'by hand'
    await "people are told who leads" people_hear '\[demo\] .* leads, epoch'
    ok "aws sns publish, and regent's own notices beside it"
    weights() { rrsets --query "ResourceRecordSets[?SetIdentifier=='ap-southeast-2'].Weight"; }
    "$regent" pause --by ada --reason 'work by hand' >/dev/null || fail "regent pause"
    page evacuate-region --set region=ap-southeast-2 --set bake=5s | by_hand
    by_page=$(weights) raised=$(echo $(capacity DesiredCapacity))
    [ "$raised" = "9 9 9 9" ] || fail "by hand the groups want $raised"
    lower
    "$regent" resume --by ada >/dev/null || fail "regent resume"
    [ "$(echo $by_page)" = "0 0" ] || fail "by hand the weights became $by_page"
    "$regent" runbook run evacuate-region --set region=ap-southeast-2 --set bake=5s --by ada \
        --reason 'the same' >/dev/null || fail "regent runbook run evacuate-region"
    [ "$(weights)" = "$by_page" ] || fail "the run left the weights at $(weights)"
    [ "$(echo $(capacity DesiredCapacity))" = "$raised" ] \
        || fail "the run left the groups at $(capacity DesiredCapacity)"
    [ "$(echo $(capacity 'length(Instances[?LifecycleState==`InService`])'))" = "$raised" ] \
        || fail "the run did not wait for the instances"
    ok "the page by hand for evacuate-region ends where its run does"
    roles() { rrsets --query "ResourceRecordSets[?Name=='shop.demo.example.'].[SetIdentifier,Failover,HealthCheckId]"; }
    both_ways="$(roles)"
    has -P 'eu-west-1\tPRIMARY\t\S{10,}' <<< "$both_ways" || fail "the pair is $both_ways"
    "$regent" pause --by ada --reason 'work by hand' >/dev/null || fail "regent pause"
    # The second time nothing is left to do, and nothing is done.
    for _ in 1 2; do
        page evacuate-region --set region=eu-west-1 --set service=shop --set bake=1s | by_hand
        swapped=$(roles)
        has -P 'us-east-1\tPRIMARY\t\S{10,}' <<< "$swapped" || fail "by hand the pair became $swapped"
    done
    page return-region --set region=eu-west-1 --set service=shop --set soak=1s | by_hand
    [ "$(roles)" = "$both_ways" ] || fail "by hand the pair came back as $(roles)"
    "$regent" resume --by ada >/dev/null || fail "regent resume"
    "$regent" drain eu-west-1 --service shop --by ada --reason 'the same' >/dev/null || fail "regent drain"
    [ "$(roles)" = "$swapped" ] || fail "the leader left the pair as $(roles)"
    ok "the pages by hand swap a failover pair and swap it back, as the leader does"
    "$regent" undrain eu-west-1 --by ada >/dev/null || fail "regent undrain"
    "$regent" undrain ap-southeast-2 --by ada >/dev/null || fail "regent undrain"
    returned() { [ "$(echo $(weights))" = "100 100" ]; }
    await "ap-southeast-2 has its share back" returned

    # Every other operation that the endpoints serve, on a table and in a zone of its own.
    said() { local what=$1 wanted=$2; shift 2
        local found; found=$("$@" --output text 2> "$folder/refused") || fail "$what: $(cat "$folder/refused")"
        [ "$found" = "$wanted" ] || fail "$what: $found rather than $wanted"
        ok "$what"
    }
    table=by-hand
    said "aws dynamodb create-table" CREATING aws dynamodb create-table --table-name $table \
        --billing-mode PAY_PER_REQUEST --query TableDescription.TableStatus \
        --attribute-definitions AttributeName=id,AttributeType=S \
        --key-schema AttributeName=id,KeyType=HASH
    aws dynamodb wait table-exists --table-name $table
    said "aws dynamodb describe-table" ACTIVE aws dynamodb describe-table --table-name $table \
        --query Table.TableStatus
    said "aws dynamodb list-tables" $table aws dynamodb list-tables \
        --query "TableNames[?@=='$table']"
    aws dynamodb put-item --table-name $table --item '{"id":{"S":"a"},"n":{"N":"1"}}'
    said "aws dynamodb update-item" 2 aws dynamodb update-item --table-name $table \
        --key '{"id":{"S":"a"}}' --update-expression 'SET n = n + :one' \
        --expression-attribute-values '{":one":{"N":"1"}}' --return-values ALL_NEW \
        --query Attributes.n.N
    if aws dynamodb transact-write-items --transact-items '[
            {"Put":{"TableName":"by-hand","Item":{"id":{"S":"b"}}}},
            {"Put":{"TableName":"by-hand","Item":{"id":{"S":"a"}},
                "ConditionExpression":"attribute_not_exists(id)"}}]' 2> "$folder/refused"; then
        fail "a transaction with one condition that does not hold was let through"
    fi
    grep -q TransactionCanceled "$folder/refused" || fail "$(cat "$folder/refused")"
    said "aws dynamodb scan after a refused transaction" 1 aws dynamodb scan --table-name $table \
        --query Count
    aws dynamodb transact-write-items --transact-items '[
        {"Put":{"TableName":"by-hand","Item":{"id":{"S":"b"}}}},
        {"Put":{"TableName":"by-hand","Item":{"id":{"S":"c"}}}}]'
    said "aws dynamodb transact-write-items" 3 aws dynamodb scan --table-name $table --query Count
    said "aws dynamodb delete-item" b aws dynamodb delete-item --table-name $table \
        --key '{"id":{"S":"b"}}' --return-values ALL_OLD --query Attributes.id.S
    aws dynamodb update-table --table-name $table --query TableDescription.TableStatus \
        --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES >/dev/null
    aws dynamodb wait table-exists --table-name $table
    aws dynamodb update-table --table-name $table \
        --replica-updates '[{"Create":{"RegionName":"eu-west-1"}}]' >/dev/null
    aws dynamodb wait table-exists --table-name $table
    replicated() { [ "$(aws dynamodb scan --region eu-west-1 --table-name $table --query Count \
        --output text)" = 2 ]; }
    await "the replica has what was written before it was made" replicated
    ok "aws dynamodb update-table adds a replica"
    aws dynamodb update-table --table-name $table \
        --replica-updates '[{"Delete":{"RegionName":"eu-west-1"}}]' >/dev/null
    alone() { [ "$(aws dynamodb describe-table --table-name $table --output text \
        --query 'length(Table.Replicas || `[]`)')" = 0 ]; }
    await "the replica is gone" alone
    said "aws dynamodb delete-table" DELETING aws dynamodb delete-table --table-name $table \
        --query TableDescription.TableStatus
    aws dynamodb wait table-not-exists --table-name $table

    zone=$(aws route53 create-hosted-zone --name by-hand.example --caller-reference once \
        --query HostedZone.Id --output text) || fail "aws route53 create-hosted-zone"
    ok "aws route53 create-hosted-zone"
    said "aws route53 get-hosted-zone" by-hand.example. aws route53 get-hosted-zone --id "$zone" \
        --query HostedZone.Name
    said "aws route53 list-hosted-zones" "$zone" aws route53 list-hosted-zones \
        --query "HostedZones[?Name=='by-hand.example.'].Id"
    said "aws route53 list-hosted-zones-by-name" "$zone" aws route53 list-hosted-zones-by-name \
        --dns-name by-hand.example --max-items 1 --query 'HostedZones[].Id'
    change=$(aws route53 change-resource-record-sets --hosted-zone-id "$zone" --output text \
        --query ChangeInfo.Id --change-batch '{"Changes":[{"Action":"UPSERT","ResourceRecordSet":
        {"Name":"x.by-hand.example","Type":"TXT","TTL":60,"ResourceRecords":[{"Value":"\"x\""}]}}]}')
    insync() { [ "$(aws route53 get-change --id "$change" --query ChangeInfo.Status \
        --output text)" = INSYNC ]; }
    await "a change is on every name server" insync
    ok "aws route53 get-change"
    check=$(aws route53 create-health-check --caller-reference by-hand --output text \
        --query HealthCheck.Id --health-check-config '{"Type":"HTTP_STR_MATCH","Port":80,
        "FullyQualifiedDomainName":"nobody.example","ResourcePath":"/gate/x","SearchString":"closed",
        "RequestInterval":10,"FailureThreshold":1,"Inverted":true}') \
        || fail "aws route53 create-health-check"
    ok "aws route53 create-health-check"
    said "aws route53 get-health-check" closed aws route53 get-health-check \
        --health-check-id "$check" --query HealthCheck.HealthCheckConfig.SearchString
    said "aws route53 list-health-checks" "$check" aws route53 list-health-checks \
        --query "HealthChecks[?CallerReference=='by-hand'].Id"
    said "aws route53 update-health-check" 2 aws route53 update-health-check \
        --health-check-id "$check" --health-check-version 1 --failure-threshold 2 \
        --query HealthCheck.HealthCheckVersion
    failing() { aws route53 get-health-check-status --health-check-id "$check" --output text \
        | has Failure; }
    await "a checker finds nobody there" failing
    ok "aws route53 get-health-check-status"
else
    skip "the public aws command line is not installed"
fi

"$regent" local lose eu-west-1 --env "$folder/local.env" >/dev/null
if command -v aws >/dev/null 2>&1; then
    drained() {
        [ "$(aws route53 list-resource-record-sets --hosted-zone-id Z0REGENTDEMO --output text \
            --query "length(ResourceRecordSets[?SetIdentifier=='eu-west-1' && Weight==\`0\`])")" = 2 ]
    }
    await "both records of eu-west-1 have weight 0" drained
    ok "aws route53 sees the lost Region drained"
fi
if command -v dig >/dev/null 2>&1; then
    ask() { dig "@$REGENT_LOCAL_DNS_HOST" -p "$REGENT_LOCAL_DNS_PORT" +short "$REGENT_LOCAL_NAME_web"; }
    gone() { for _ in $(seq 40); do if ask | has -x "$REGENT_LOCAL_ADDRESS_eu_west_1"; then return 1; fi; done; }
    await "dig no longer gets the lost Region's address in 40 answers" gone
    ask | has . || fail "dig gets no answer at all"
    ok "dig gets only the Regions that are left"
else
    skip "dig is not installed"
fi
"$regent" status >/dev/null || fail "regent status"
ok "regent status"

# With every agent dead: the command line stands for the seats itself.
for pid in "$REGENT_LOCAL_AGENT_PID_ap_southeast_2" "$REGENT_LOCAL_AGENT_PID_eu_west_1" \
    "$REGENT_LOCAL_AGENT_PID_us_east_1"; do kill -9 "$pid"; done
"$regent" local restore eu-west-1 --env "$folder/local.env" >/dev/null
"$regent" drain us-east-1 --break-glass --by ada --reason 'no agent is left' > "$folder/glass" 2>&1 \
    || fail "regent drain --break-glass: $(tail -n 3 "$folder/glass")"
grep -q 'this command leads now' "$folder/glass" || fail "$(cat "$folder/glass")"
grep -q 'web in us-east-1: weight 0' "$folder/glass" || fail "$(cat "$folder/glass")"
ok "regent drain --break-glass with every agent dead"
for region in us-east-1 ap-southeast-2; do
    "$regent" local lose "$region" --env "$folder/local.env" >/dev/null
done
if "$regent" drain eu-west-1 --break-glass --by ada --reason x > "$folder/glass" 2>&1; then
    fail "a drain without a majority of seats was let through"
fi
grep -q '^# Evacuate eu-west-1' "$folder/glass" || fail "the page by hand is not printed"
ok "without a majority of seats it refuses, and prints the page by hand"

kill -INT "$up"
wait "$up" || fail "up did not end well"
[ ! -e "$folder/local.env" ] || fail "the environment file is left behind"
ok "nothing is left behind"
printf '\n%d passed, 0 failed, %d skipped\n' "$passed" "$skipped"
