//! AWS's own reader and writer of enclave images:
//!
//!   reference IMAGE                                            prints it in the shape of `nitro-cli describe-eif`
//!   reference build IMAGE CERTIFICATE KEY KERNEL CMDLINE RAMDISK…   writes one, signed unless both are `-`
mod writer;

use aws_nitro_enclaves_image_format::utils::eif_reader::EifReader;
use aws_nitro_enclaves_image_format::utils::{get_pcrs, PcrSignatureChecker};
use serde_json::{json, Map, Value};
use sha2::{Digest, Sha384};

fn describe(path: &str) -> Result<Value, String> {
    let mut eif = EifReader::from_eif(path.to_string())?;
    let signed = eif.signature_section.is_some();
    let measurements = get_pcrs(
        &mut eif.image_hasher,
        &mut eif.bootstrap_hasher,
        &mut eif.app_hasher,
        &mut eif.cert_hasher,
        Sha384::new(),
        signed,
    )?;
    let mut out = Map::new();
    out.insert("EifVersion".into(), json!(eif.get_header().version));
    out.insert("Measurements".into(), json!(measurements));
    out.insert("IsSigned".into(), json!(signed));
    out.insert("CheckCRC".into(), json!(eif.check_crc()));
    if signed {
        let certificate = eif.get_certificate_info(measurements)?;
        out.insert("SigningCertificate".into(), json!(certificate));
        let checked = PcrSignatureChecker::from_eif(path)?.verify().is_ok();
        out.insert("SignatureCheck".into(), json!(checked && eif.sign_check == Some(true)));
    }
    if let Some(metadata) = eif.get_metadata() {
        out.insert("ImageName".into(), json!(metadata.img_name));
        out.insert("ImageVersion".into(), json!(metadata.img_version));
        let mut flat = json!(metadata.build_info);
        flat["DockerInfo"] = metadata.docker_info;
        if let (Some(flat), Some(custom)) = (flat.as_object_mut(), metadata.custom_info.as_object()) {
            flat.extend(custom.clone());
        }
        out.insert("Metadata".into(), flat);
    }
    Ok(Value::Object(out))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.as_slice() {
        [verb, rest @ ..] if verb == "build" => writer::build(rest),
        [image] => describe(image).map(|json| println!("{json:#}")),
        _ => Err("usage: reference IMAGE | reference build …".into()),
    };
    if let Err(sentence) = result {
        eprintln!("reference: {sentence}");
        std::process::exit(1);
    }
}
