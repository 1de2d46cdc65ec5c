#!/bin/sh
# The version of this checkout, from Cargo.toml.
sed -n 's/^version = "\(.*\)"$/\1/p' "$(dirname "$0")/../../Cargo.toml" | head -n 1
