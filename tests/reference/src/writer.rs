//! Writes an enclave image with AWS's builder, with settled metadata.
use aws_nitro_enclaves_image_format::defs::{EifBuildInfo, EifIdentityInfo};
use aws_nitro_enclaves_image_format::utils::{EifBuilder, SignEnclaveInfo};
use serde_json::json;
use sha2::{Digest, Sha384};
use std::fs::File;
use std::path::Path;

pub fn build(words: &[String]) -> Result<(), String> {
    let [image, certificate, key, kernel, cmdline, ramdisks @ ..] = words else {
        return Err("build IMAGE CERTIFICATE KEY KERNEL CMDLINE RAMDISK…".into());
    };
    let sign_info = match (certificate.as_str(), key.as_str()) {
        ("-", "-") => None,
        _ => Some(SignEnclaveInfo::new(certificate, key)?),
    };
    let info = EifIdentityInfo {
        img_name: "reference".into(),
        img_version: "1.0".into(),
        build_info: EifBuildInfo {
            build_time: "2026-01-01T00:00:00+00:00".into(),
            build_tool: "reference".into(),
            build_tool_version: "0".into(),
            img_os: "Linux".into(),
            img_kernel: "6.12".into(),
        },
        docker_info: json!(null),
        custom_info: json!(null),
    };
    let mut builder = EifBuilder::new(Path::new(kernel), cmdline.clone(), sign_info, Sha384::new(), 0, info);
    for ramdisk in ramdisks {
        builder.add_ramdisk(Path::new(ramdisk));
    }
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(image)
        .map_err(|error| error.to_string())?;
    builder.write_to(&mut file);
    Ok(())
}
