//! Pages: each begins after the last entry of the one before, whatever was added meanwhile.

use super::{
    Store, StoreFault,
    sql::{Row, Value},
};
use crate::model::{Page, PageQuery};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::{AssertSqlSafe, SqlSafeStr};

/// A list: what is read, and what its entries are ordered by.
pub(super) struct List {
    /// `SELECT ... FROM ... WHERE ...`; its condition ends with a comparison.
    pub(super) select: String,
    /// The parameters of the condition.
    pub(super) args: Vec<Value>,
    /// The column of the entries' names, 16 bytes each.
    pub(super) id: &'static str,
    /// The column of their times.
    pub(super) at: &'static str,
}

impl Store {
    /// Reads a page, newest first.
    pub(super) async fn page<T>(
        &self,
        list: List,
        query: &PageQuery,
        read: impl Fn(&Row) -> Result<T, StoreFault>,
    ) -> Result<Page<T>, StoreFault> {
        let List { select, mut args, id, at } = list;
        let mut sql = select;
        if let Some(after) = &query.after {
            let (time, name) = parse(after).ok_or(StoreFault::Page)?;
            let [first, second] = [args.len() + 1, args.len() + 2];
            sql.push_str(&format!(" AND ({at}, {id}) < (${first}, ${second})"));
            args.extend([Value::from(time), Value::from(name)]);
        }
        let size = usize::try_from(query.size()).unwrap_or(1);
        args.push(Value::from(query.size() + 1));
        sql.push_str(&format!(" ORDER BY {at} DESC, {id} DESC LIMIT ${}", args.len()));
        let rows = self.pool.fetch_all(AssertSqlSafe(sql).into_sql_str(), args).await?;
        let last = rows.get(size - 1).filter(|_| rows.len() > size);
        let next = last.map(|row| token(row.int(at)?, &row.bytes(id)?)).transpose()?;
        let items = rows.iter().take(size).map(read).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }
}

fn token(at: i64, id: &[u8]) -> Result<String, StoreFault> {
    Ok(URL_SAFE_NO_PAD.encode([&at.to_be_bytes(), id].concat()))
}

fn parse(token: &str) -> Option<(i64, Vec<u8>)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (at, id) = bytes.split_first_chunk()?;
    (id.len() == 16).then(|| (i64::from_be_bytes(*at), id.to_vec()))
}
