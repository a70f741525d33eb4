//! The file of the embedded database.

use super::place::*;
use audex_core::session::SessionStore;
use audex_server::settings::ServerSettings;
use std::{fs, os::unix::fs::PermissionsExt};

#[tokio::test]
async fn a_folder_may_have_any_name_and_the_file_in_it_is_the_servers_alone() {
    for name in ["100%", "a%41", "what?mode=ro"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(name);
        let place = Place::on(folder, ServerSettings::new(&data)).await;
        place.store.begin(beginning(&record("alice@example.com", now()), &[], None)).await.unwrap();
        for file in ["audex.db", "audex.db-wal"] {
            let mode = fs::metadata(data.join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}: {file}");
        }
        assert_eq!(place.other().await.active_sessions(now()).await.unwrap(), 1);
        assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1, "{name}");
    }
}
