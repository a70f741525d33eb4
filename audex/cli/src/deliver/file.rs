//! Delivery in a file of the private folder, replaced at each refresh.

use super::{DeliverError, Documents, Variables, regions};
use crate::private_folder::PrivateFolder;
use audex_core::Credential;
use audex_policy::Provider;

/// Writes the credential into the private folder, and returns the variables that point at it.
///
/// A refresh calls it again: readers see the old file or the new, never a part. The variables stay the same.
///
/// # Errors
///
/// The provider's programs read no file, or the folder does not take it; the file from before is still there.
pub fn write(folder: &PrivateFolder, credential: &Credential) -> Result<Variables, DeliverError> {
    let provider = credential.provider();
    let not_this_way = || DeliverError::NotThisWay { provider, way: "file" };
    let (name, variable) = match provider {
        Provider::Aws => ("aws-credentials", "AWS_SHARED_CREDENTIALS_FILE"),
        Provider::Local => ("token", "AUDEX_TOKEN_FILE"),
        Provider::Gcp | Provider::Azure | Provider::Vault => return Err(not_this_way()),
    };
    let documents = Documents::of(provider).ok_or_else(not_this_way)?;
    let content = (documents.file)(credential).ok_or_else(not_this_way)?;
    let path = folder.write(name, &content)?;
    Ok(regions(credential).with(variable, path.to_string_lossy().as_ref()))
}
