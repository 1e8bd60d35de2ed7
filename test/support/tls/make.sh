#!/usr/bin/env bash
# Makes the certificates beside it anew. Their keys are worth nothing: they open nothing but the tests' own proxies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# key NAME
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# authority NAME
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 36500 -out "$1.pem" 2>/dev/null
}

# signed NAME AUTHORITY FROM TO
signed() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr" 2>/dev/null
  mkdir -p issued && : >issued/index.txt && echo 01 >issued/serial
  openssl ca -batch -notext -config /dev/stdin -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
    -startdate "$3" -enddate "$4" 2>/dev/null <<-EOF
	[ca]
	default_ca = here
	[here]
	new_certs_dir = issued
	database = issued/index.txt
	serial = issued/serial
	default_md = sha256
	policy = any
	x509_extensions = names
	unique_subject = no
	[any]
	commonName = supplied
	[names]
	subjectAltName = DNS:localhost, IP:127.0.0.1
	EOF
  rm -rf "$1.csr" issued
}

authority ca
authority stranger
signed server ca 20260101000000Z 21260101000000Z
signed client ca 20260101000000Z 21260101000000Z
signed expired ca 20250101000000Z 20260101000000Z
signed foreign stranger 20260101000000Z 21260101000000Z
rm ca.key stranger.key stranger.pem
