#!/usr/bin/env bash
# user-data.sh: makes an Amazon Linux 2023 instance the parent of the watermark enclave, from one release that it checks by SHA-256.
#
# Set the four values below, and give it to an instance that was launched with --enclave-options Enabled=true and a role
# that may do what iam-policy.json says. It may run again: each step leaves what is already as it should be.
set -euo pipefail

RELEASE=https://github.com/OWNER/REPOSITORY/releases/download/v1.0.0/watermark.tar.xz
SHA256=0000000000000000000000000000000000000000000000000000000000000000 # watermark.tar.xz.sha256, out of the reviewed build
SECRET=nautilus-enclave-mtls-client-cert
REGION=eu-west-1

# As examples/watermark/enclave.ini and ingot-enclave.service have them.
MEMORY_MIB=64
CPUS=2

dnf install -y aws-nitro-enclaves-cli awscli-2 tar xz

# One file, one hash: the image, its PCRs, ingot and the units come out of the same reviewed build.
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --retry 5 --output "$fetched/watermark.tar.xz" "$RELEASE"
echo "$SHA256  $fetched/watermark.tar.xz" | sha256sum --check --quiet
tar --extract --xz --no-same-owner --directory "$fetched" --file "$fetched/watermark.tar.xz"
install -D -m 0755 "$fetched/ingot" /usr/local/bin/ingot
install -D -m 0644 "$fetched/enclave.eif" /opt/ingot/enclave.eif
install -D -m 0644 "$fetched/enclave.pcrs.json" /opt/ingot/enclave.pcrs.json
install -m 0644 "$fetched"/ingot-*.service /etc/systemd/system/
ingot verify /opt/ingot/enclave.eif --pcrs /opt/ingot/enclave.pcrs.json

# The allocator takes the memory as huge pages and the CPUs out of the parent: early, while memory is in one piece.
cat >/etc/nitro_enclaves/allocator.yaml <<ALLOCATOR
---
memory_mib: $MEMORY_MIB
cpu_count: $CPUS
ALLOCATOR
id ingot >/dev/null 2>&1 || useradd --system --no-create-home --shell /sbin/nologin --groups ne ingot
systemctl enable nitro-enclaves-allocator.service
systemctl restart nitro-enclaves-allocator.service

# What the units read: the sources of the secrets, by name; no secret is written to this disk.
install -d -m 0755 /etc/ingot
printf 'PUSH_SOURCES=--secrets-manager MTLS_CLIENT_CERT_JSON=%s --region %s\n' "$SECRET" "$REGION" >/etc/ingot/push.env

# One line for each thing that a run needs; what is missing now may be there later (a service that comes up), so it goes on.
ingot doctor /opt/ingot/enclave.eif || echo "user-data: ingot doctor found something missing: see above" >&2

systemctl daemon-reload
systemctl enable ingot-proxy.service ingot-enclave.service ingot-push.service
systemctl restart ingot-proxy.service ingot-enclave.service # brings ingot-push.service along
