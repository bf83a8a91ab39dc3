data "aws_iam_policy_document" "signed_p384" {
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
      values   = ["37afbe86258c3cef1f0591e1acc17d2210c9e8a680dff0f0ea008485a59c6f8b0d8b8805e8b8d04ad02f68f3e74b2a11"]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR1"
      values   = ["0e15d57fb72eae3316d99fd1ab55ce888e9ebe43c6e397cfe9a33e8c5b2c13a65b9503ed38f6a9d822c302ce31eaa42d"]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR2"
      values   = ["7a8f6c90a03482e9163d7f20d34cce3d86042c54f3f4b8d6391f1745f55a90cf22825cb858d8d3b7b6af7e2cb23548ed"]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR8"
      values   = ["5534e6777ce0eba9e71881c8c02312b0d4a6133fc360d5eb1be4064cf58f243ca782f759aad25b9a43e69d0131da302f"]
    }
    condition {
      test     = "StringEqualsIgnoreCase"
      variable = "kms:RecipientAttestation:PCR3"
      values   = ["78fce75db17cd4e0a3fb8dad3ad128ca5e77edbb2b2c7f75329dccd99aa5f6ef4fc1f1a452e315b9e98f9e312e6921e6"]
    }
  }
}
