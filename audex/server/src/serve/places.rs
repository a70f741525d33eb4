//! Who has the places: so many at once in all, and so many of one address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for connections, and for what goes on after its connection.
pub(super) struct Places {
    free: Arc<Semaphore>,
    most: usize,
    most_of_one: usize,
    /// How many places each address has: those that have none are not in it.
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// The right to be there; whoever works for a connection holds a clone.
pub(super) type Slot = Arc<Place>;

/// One place, free again when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(most)),
            most,
            most_of_one,
            taken: Mutex::new(HashMap::new()),
        })
    }

    /// Takes a place for somebody; nothing where there is none, or they have as many as one may.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Slot> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let address = subscriber(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(address).or_insert(0);
        if *own >= self.most_of_one {
            return None;
        }
        *own += 1;
        drop(taken);
        Some(Arc::new(Place { places: Arc::clone(self), address, _permit: permit }))
    }

    pub(super) fn taken(&self) -> usize {
        self.most.saturating_sub(self.free.available_permits())
    }

    /// Waits until every place is free.
    pub(super) async fn all_free(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let _ = self.free.acquire_many(all).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Returns the address that stands for whoever has it: of IPv6, one subscriber has a /64.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others() {
        let places = Places::new(5, 2);
        let at = |address: &str| places.take(address.parse().unwrap());
        let (one, two) = (at("192.0.2.1").unwrap(), at("::ffff:192.0.2.1").unwrap());
        assert!(at("192.0.2.1").is_none());
        let _other = at("192.0.2.2").unwrap();
        // Whoever has one address of IPv6 has very many.
        let (_six, _again) = (at("2001:db8::1").unwrap(), at("2001:db8::ffff:2").unwrap());
        drop(one);
        assert!(at("2001:db8::3").is_none());
        assert_eq!(places.taken(), 4);
        let _back = at("192.0.2.1").unwrap();
        assert!(at("2001:db8:0:1::1").is_none(), "there is no place at all");
        drop(two);
        assert!(at("2001:db8:0:1::1").is_some());
    }

    #[test]
    fn nothing_is_kept_of_those_who_went() {
        let places = Places::new(5, 2);
        let slot = places.take("192.0.2.1".parse().unwrap()).unwrap();
        let works_on = Arc::clone(&slot);
        drop(slot);
        assert_eq!((places.taken(), places.taken.lock().unwrap().len()), (1, 1));
        drop(works_on);
        assert_eq!((places.taken(), places.taken.lock().unwrap().len()), (0, 0));
    }
}
