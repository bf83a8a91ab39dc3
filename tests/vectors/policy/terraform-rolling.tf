data "aws_iam_policy_document" "old" {
  statement {
    sid    = "Enclave"
    effect = "Allow"
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::123456789012:role/Webserver"]
    }
    actions   = ["kms:Decrypt"]
    resources = ["*"]
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR0"
      values = [
        "d0350b09788fa49140f848f4ca4549e7e40761c1bc04c4cc87c1687c316ab65c4aea5f29e155cb420d4ebc3d71476516",
        "6f3a05f2fde54462c7ddab19ac1ee26157789dc9e3ac71fe3e05f8972d6dfbc434a6b1ee3097b49265edef3f01646746",
      ]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR1"
      values   = ["b592ccecd032c87f14d351f5408140602b24919fd7a9d57ba1be541e4ca54c20c3588d4420bccdb93b9b4e5a2c9f18df"]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR2"
      values = [
        "3c5dca497598dbc42a5eca09a90c60fb0d86e3797ee2a4ca646b404716fe050283a0c826bb3958d76700b615b20e8788",
        "c8956ca1cb1b33259471045fd08b7a62b8157112056ac24bcd3586a3c06cff591d41147f3ee67c30eb5b95a0dc53d83e",
      ]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR3"
      values   = ["78fce75db17cd4e0a3fb8dad3ad128ca5e77edbb2b2c7f75329dccd99aa5f6ef4fc1f1a452e315b9e98f9e312e6921e6"]
    }
  }
}

data "aws_iam_policy_document" "old_secret" {
  statement {
    sid    = "EnclaveSecret"
    effect = "Allow"
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::123456789012:role/Webserver"]
    }
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:mtls-AbCdEf"]
  }
}
