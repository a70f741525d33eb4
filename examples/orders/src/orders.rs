use crate::{
    App,
    caller::{Caller, Refusal},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many orders there may be.
const MAX_ORDERS: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    item: String,
    count: u32,
}

/// The orders, by `region/id`: the name that a token has to grant.
pub(crate) struct Shelf(Mutex<BTreeMap<String, Order>>);

impl Default for Shelf {
    fn default() -> Self {
        let orders = [("eu/17", "lanterns", 9), ("eu/18", "herons", 4), ("us/17", "kettles", 1)];
        let order = |(name, item, count): (&str, &str, u32)| {
            (name.to_owned(), Order { item: item.to_owned(), count })
        };
        Self(Mutex::new(orders.map(order).into()))
    }
}

impl Shelf {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of a region's orders; listing is a right of its own, on the region.
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(region): Path<String>,
) -> Result<Json<Vec<String>>, Refusal> {
    caller.may("orders:List", &region)?;
    let prefix = format!("{region}/");
    Ok(Json(app.shelf.open().keys().filter(|name| name.starts_with(&prefix)).cloned().collect()))
}

pub(crate) async fn read(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path((region, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let name = format!("{region}/{id}");
    // Who may not read it does not learn whether it is there.
    caller.may("orders:Read", &name)?;
    let order = app.shelf.open().get(&name).cloned();
    Ok(order.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |order| Json(order).into_response()))
}

pub(crate) async fn write(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path((region, id)): Path<(String, String)>,
    Json(order): Json<Order>,
) -> Result<StatusCode, Refusal> {
    let name = format!("{region}/{id}");
    caller.may("orders:Write", &name)?;
    let mut orders = app.shelf.open();
    if orders.len() >= MAX_ORDERS && !orders.contains_key(&name) {
        return Ok(StatusCode::INSUFFICIENT_STORAGE);
    }
    orders.insert(name, order);
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path((region, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let name = format!("{region}/{id}");
    caller.may("orders:Delete", &name)?;
    let removed = app.shelf.open().remove(&name).is_some();
    Ok(if removed { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}
