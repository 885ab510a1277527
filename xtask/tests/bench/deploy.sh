#!/bin/sh
# The workflow that xtask replaces, as people write it: cargo, zip, Terraform, jq and the AWS CLI. Only `bench.rs` runs it.
#
#   deploy.sh FUNCTION BRANCH
#
# in a checkout, with AWS's variables set; PLUGINS names a mirror of Terraform's providers.
set -eu
function=$1
branch=$2
work=target/script
mkdir -p "$work"
cp "$(dirname "$0")/main.tf" "$work"

cargo build --quiet --locked --profile function --package "$function" --target-dir "$work/cargo"
# With its time: otherwise each run would make, upload and publish another zip.
cp -p "$work/cargo/function/$function" "$work/bootstrap"
(cd "$work" && rm -f lambda.zip && zip -q -X lambda.zip bootstrap)

terraform -chdir="$work" init -input=false ${PLUGINS:+-plugin-dir="$PLUGINS"} >/dev/null
terraform -chdir="$work" apply -input=false -auto-approve -var function="$function" >/dev/null
terraform -chdir="$work" output -json >"$work/output.json"

name=$(jq -r .lambda_name.value "$work/output.json")
version=$(jq -r .lambda_version.value "$work/output.json")
aws lambda update-alias --function-name "$name" --name "$branch" --function-version "$version" >/dev/null 2>&1 ||
  aws lambda create-alias --function-name "$name" --name "$branch" --function-version "$version" >/dev/null
