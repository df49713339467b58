//! TLS to the server: always with a checked certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, Reason, Result};

/// Trusts the certificates in the file `roots`, or those of the system.
pub(super) fn connector(roots: Option<&Path>) -> Result<MakeRustlsConnect> {
    let config = match roots {
        Some(path) => builder()?.with_root_certificates(read(path)?).with_no_client_auth(),
        None => system()?,
    };
    Ok(MakeRustlsConnect::new(config))
}

/// Trusts nothing: for connections that are not encrypted.
pub(super) fn unused() -> Result<MakeRustlsConnect> {
    let none = RootCertStore::empty();
    Ok(MakeRustlsConnect::new(builder()?.with_root_certificates(none).with_no_client_auth()))
}

fn system() -> Result<ClientConfig> {
    Ok(builder()?
        .with_platform_verifier()
        .map_err(|why| {
            Error::new(Reason::Store, "the system's certificates cannot be read").with_source(why)
        })?
        .with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| Error::new(Reason::Internal, "TLS cannot be set up").with_source(why))
}

fn read(path: &Path) -> Result<RootCertStore> {
    let unusable = |why: Box<dyn std::error::Error + Send + Sync>| {
        let shown = path.display();
        Error::new(Reason::InvalidSetting, format!("sslrootcert {shown} cannot be used"))
            .with_source(why)
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(path).map_err(|why| unusable(why.into()))?;
    for certificate in found {
        let certificate = certificate.map_err(|why| unusable(why.into()))?;
        roots.add(certificate).map_err(|why| unusable(why.into()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is no certificate in it".into()));
    }
    Ok(roots)
}
