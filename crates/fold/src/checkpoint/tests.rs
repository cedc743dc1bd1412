//! Checkpoints as files, in both kinds of places.

use std::path::PathBuf;
use std::time::Duration;

use kernel::clock::{Clock as _, Ids as _, SystemClock, SystemIds};

use super::bucket::Bucket;
use super::kept::{MANIFEST, Making, SUM, list, prune, prune_at, sum};
use super::manifest::{FORMAT, Manifest, Piece};
use super::place::Place;

const TABLE: &str = "orders.copy";
const AT: &str = "2026-05-01T12:00:00Z";
const NAME: &str = "20260501T120000Z";

/// Gone when the test has passed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn places() -> (Temporary, [Place; 2]) {
    let folder = std::env::temp_dir().join(SystemIds.next().to_string());
    let places = [Place::from(folder.as_path()), Place::Bucket(Bucket::in_memory().join("checkpoints"))];
    (Temporary(folder), places)
}

async fn made(place: &Place, at: &str) -> String {
    let making = Making::begin(place, "order", at).unwrap();
    let mut file = making.file(TABLE).unwrap();
    file.write(b"1\ta\n2\tb\n").await.unwrap();
    let (rows, bytes, sha256) = file.finish().await.unwrap();
    assert_eq!((rows, bytes), (2, 8));
    let (file, table) = (TABLE.to_owned(), "orders".to_owned());
    let (service, at) = ("order".to_owned(), at.to_owned());
    let files = vec![Piece { file, table, columns: Vec::new(), rows, bytes, sha256 }];
    let (release, positions) = (String::new(), Vec::new());
    let manifest = Manifest { format: FORMAT, service, at, release, tables: 1, positions, files };
    making.finish(&manifest).await.unwrap()
}

async fn whole(place: &Place) -> Vec<bool> {
    let mut whole = Vec::new();
    for found in list(place, "order").await.unwrap() {
        whole.push(found.verify().await.is_ok());
    }
    whole
}

async fn read(file: &Place) -> Vec<u8> {
    let (mut source, mut text) = (file.read().await.unwrap().unwrap(), Vec::new());
    while let Some(mut piece) = source.next().await.unwrap() {
        text.append(&mut piece);
    }
    text
}

async fn remove(file: &Place) {
    match file {
        Place::Folder(_) => std::fs::remove_file(file.to_string()).unwrap(),
        Place::Bucket(_) => file.remove().await.unwrap(),
    }
}

async fn put(file: &Place, bytes: &[u8]) {
    if matches!(file, Place::Folder(_)) && std::fs::exists(file.to_string()).unwrap() {
        remove(file).await;
    }
    let mut sink = file.write().unwrap();
    sink.write(bytes).await.unwrap();
    sink.finish().await.unwrap();
}

/// What has begun and was never finished, as of a process that was killed.
async fn half(place: &Place) {
    let making = Making::begin(place, "order", "2026-05-02T12:00:00Z").unwrap();
    let mut file = making.file(TABLE).unwrap();
    file.write(b"1\ta\n").await.unwrap();
    file.finish().await.unwrap();
}

async fn names(place: &Place) -> Vec<String> {
    let mut names = place.join("order").below().await.unwrap();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn whatever_byte_is_damaged_it_is_found_and_a_half_one_is_none() {
    let (_temporary, places) = places();
    for place in places {
        let path = made(&place, AT).await;
        let made = place.join("order").join(NAME);
        assert_eq!(path, made.to_string());
        half(&place).await;
        assert_eq!(whole(&place).await, [true]);
        for name in [MANIFEST, SUM, TABLE] {
            let file = made.join(name);
            let good = read(&file).await;
            // Beyond the checksum there is only its file's name.
            for at in 0..good.len().min(64) {
                let mut bad = good.clone();
                bad[at] ^= 1;
                put(&file, &bad).await;
                assert_eq!(whole(&place).await, [false], "{file}, byte {at}");
            }
            put(&file, &good[..good.len() / 2]).await;
            assert_eq!(whole(&place).await, [false], "half of {file}");
            remove(&file).await;
            // What comes last makes it one; in a bucket there is no other way to tell.
            let is_none = name == SUM && matches!(place, Place::Bucket(_));
            assert_eq!(whole(&place).await, if is_none { vec![] } else { vec![false] }, "without {file}");
            put(&file, &good).await;
        }
        assert_eq!(whole(&place).await, [true]);
        assert!(list(&place, "billing").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_newest_whole_ones_are_kept_and_where_none_is_whole_all_are() {
    let (_temporary, places) = places();
    for place in places {
        let mut paths = Vec::new();
        for day in 1..=4 {
            paths.push(made(&place, &format!("2026-05-0{day}T12:00:00Z")).await);
        }
        put(&place.join("order").join("20260504T120000Z").join(TABLE), b"").await;
        let pruned = prune(&place, "order", 2).await.unwrap();
        assert_eq!(pruned.kept, [paths[2].clone(), paths[1].clone()]);
        assert_eq!(pruned.removed, [paths[0].clone(), paths[3].clone()]);
        assert_eq!(names(&place).await, ["20260502T120000Z", "20260503T120000Z"]);
        for name in names(&place).await {
            put(&place.join("order").join(&name).join(MANIFEST), b"{}").await;
        }
        let pruned = prune(&place, "order", 1).await.unwrap();
        assert_eq!((pruned.kept.len(), pruned.removed.len()), (2, 0));
    }
}

#[tokio::test]
async fn what_an_interrupted_run_has_left_is_removed_when_it_has_been_still_for_an_hour() {
    let (_temporary, places) = places();
    for place in places {
        made(&place, AT).await;
        half(&place).await;
        prune_at(SystemClock.now(), &place, "order", 1).await.unwrap();
        assert_eq!(names(&place).await.len(), 2, "somebody may be at it");
        let later = SystemClock.now().plus(Duration::from_hours(1) + Duration::from_secs(2));
        prune_at(later, &place, "order", 1).await.unwrap();
        assert_eq!(names(&place).await, [NAME]);
        assert_eq!(whole(&place).await, [true]);
    }
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing_behind() {
    let (_temporary, places) = places();
    for place in places {
        let making = Making::begin(&place, "order", AT).unwrap();
        let mut file = making.file(TABLE).unwrap();
        file.write(b"1\ta\n").await.unwrap();
        file.finish().await.unwrap();
        making.abandon().await;
        assert!(names(&place).await.is_empty());
    }
}

/// More than a part: it goes in several, and comes back as it was.
#[tokio::test]
async fn a_table_of_many_parts_comes_back_as_it_was() {
    let (_temporary, places) = places();
    let row = [b'x'; 999];
    for place in places {
        let making = Making::begin(&place, "order", AT).unwrap();
        let mut file = making.file(TABLE).unwrap();
        for _ in 0..30_000 {
            file.write(&row).await.unwrap();
            file.write(b"\n").await.unwrap();
        }
        let (rows, bytes, wanted) = file.finish().await.unwrap();
        assert_eq!((rows, bytes), (30_000, 30_000_000));
        let file = place.join("order").below().await.unwrap().remove(0);
        let found = sum(&place.join("order").join(&file).join(TABLE)).await.unwrap();
        assert_eq!(found, Some(wanted));
        making.abandon().await;
    }
}
