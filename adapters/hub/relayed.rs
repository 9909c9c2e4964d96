//! A hub whose events go by way of a log that many machines share.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::HashMap;

use super::observation::{self, Observation, Published};
use super::waiter::Waiter;
use super::{Closing, Hub, Publication, Shared, State};
use crate::adapters::hub::clock;
use crate::adapters::seed::random_seed;
use crate::adapters::wakers;
use crate::server::{
    Action, EventId, Health, Kind, Presence, PublishError, Relay, RelayConfig, TopicSet, Topics,
    TopicsConfig,
};
use crate::{Event, Timestamp};

/// The relay of a hub, and those that wait for it.
pub(super) struct Relayed {
    relay: Relay,
    /// The publications that somebody may wait for, by number.
    slots: HashMap<u64, Slot>,
    driver: Option<Waker>,
    /// What the observers know: how many publications waited, whether the log was out of reach, and how
    /// many attempts to reach it had failed.
    told: (usize, bool, u32),
}

/// What became of a publication.
enum Slot {
    Waits(Option<Waker>),
    Done(Result<EventId, PublishError>),
}

/// The time of the core, and the milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(in crate::adapters) struct Clocks {
    pub(in crate::adapters) now: Timestamp,
    pub(in crate::adapters) wall: u64,
}

/// A publication on its way.
pub(super) struct OnItsWay {
    hub: Arc<Shared>,
    number: u64,
}

impl Hub {
    pub(in crate::adapters) fn relayed(topics: TopicsConfig, relay: RelayConfig) -> Self {
        let relayed = Relayed {
            relay: Relay::new(relay, random_seed()),
            slots: HashMap::new(),
            driver: None,
            told: (0, false, 0),
        };
        Self::over(Topics::following(topics), Some(Box::new(relayed)))
    }

    pub(in crate::adapters) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Returns how the connection of a hub to its log is. `None` for a hub in memory.
    pub fn health(&self) -> Option<Health> {
        let state = self.0.lock();
        Some(state.relayed.as_ref()?.relay.health())
    }
}

impl Shared {
    /// Publishes what an entry tells to all machines.
    pub(super) fn relay(self: &Arc<Self>, kind: Kind) -> Publication {
        let number = self.give(|topics, relayed, clocks| {
            topics.check(clocks.now, &kind)?;
            let number = relayed.relay.publish(clocks.now, clocks.wall, kind)?;
            relayed.slots.insert(number, Slot::Waits(None));
            Ok(number)
        });
        match number {
            Ok(number) => Publication::on_its_way(OnItsWay {
                hub: Arc::clone(self),
                number,
            }),
            Err(error) => Publication::new(Err(error)),
        }
    }

    /// Gives the relay something to send, and wakes the driver.
    fn give<R>(
        &self,
        call: impl FnOnce(&mut Topics<Waiter>, &mut Relayed, Clocks) -> Result<R, PublishError>,
    ) -> Result<R, PublishError> {
        let clocks = self.clocks();
        let mut state = self.lock();
        let State {
            topics, relayed, ..
        } = &mut *state;
        let relayed = relayed.as_mut().ok_or(PublishError::RelayClosed)?;
        let given = call(topics, relayed, clocks)?;
        let driver = relayed.driver.take();
        drop(state);
        wakers::wake_all(driver);
        Ok(given)
    }

    /// Tells the relay something. If that is a failure, `message` says it in full.
    pub(in crate::adapters) fn with_relay(
        &self,
        message: Option<String>,
        call: impl FnOnce(&mut Relay, &mut Topics<Waiter>, Clocks),
    ) {
        let clocks = self.clocks();
        let mut state = self.lock();
        let State {
            topics, relayed, ..
        } = &mut *state;
        let Some(relayed) = relayed else {
            return;
        };
        call(&mut relayed.relay, topics, clocks);
        let (mut waiting, ids) = relayed.settle();
        let health = relayed.relay.health();
        let is = (
            health.waiting,
            health.stale_since.is_some(),
            health.failures,
        );
        let told = core::mem::replace(&mut relayed.told, is);
        if health.waiting == 0 {
            waiting.extend(state.closers.take());
        }
        let observers = state.observers.clone().filter(|_| told != is);
        let published: Vec<_> = match state.observers.is_some() {
            true => {
                let ids = ids.into_iter().map(Some).chain([None]);
                ids.filter_map(|id| Published::note(&mut state, id))
                    .collect()
            }
            false => Vec::new(),
        };
        self.wake_ready(state);
        wakers::wake_all(waiting);
        published.into_iter().for_each(Published::tell);
        if let Some(observers) = observers {
            let (waiting, is_stale, failures) = is;
            observation::tell(&observers, &Observation::Relayed { waiting, is_stale });
            let failure = health.failure.filter(|_| failures != told.2);
            if let Some(failure) = failure {
                let message = &message.unwrap_or_else(|| failure.to_string());
                observation::tell(&observers, &Observation::RelayFailed { failure, message });
            }
        }
    }

    pub(in crate::adapters) fn next_relay_action(&self) -> Option<Action> {
        let now = self.clock.now();
        let mut state = self.lock();
        let relayed = state.relayed.as_mut()?;
        relayed.relay.poll_action(now)
    }

    /// Returns how long until the relay has to be told that time has passed.
    pub(in crate::adapters) fn relay_wait(&self) -> Option<Duration> {
        let now = self.clock.now();
        let state = self.lock();
        let at = state.relayed.as_ref()?.relay.poll_timeout()?;
        Some(at.since_origin().saturating_sub(now.since_origin()))
    }

    pub(in crate::adapters) fn is_relay_over(&self) -> bool {
        self.lock().closing == Closing::AtOnce
    }

    /// Holds the waker of what drives the relay.
    pub(in crate::adapters) fn hold_driver(&self, waker: &Waker) {
        let mut state = self.lock();
        let Some(relayed) = &mut state.relayed else {
            return;
        };
        let is_held = |held: &Waker| held.will_wake(waker);
        if !relayed.driver.as_ref().is_some_and(is_held) {
            let before = relayed.driver.replace(waker.clone());
            drop(state);
            drop(before);
        }
    }

    /// Announces a presence to all machines, and returns its token.
    pub(super) fn announce(&self, presence: Presence) -> Result<u64, PublishError> {
        let (topic, key) = (String::from(presence.topic()), String::from(presence.key()));
        let [here, gone] = presence.into_events();
        let kind = Kind::Latest {
            topics: TopicSet::new([&topic]),
            key: key.clone(),
            event: here.clone(),
            lasts: true,
        };
        self.give(|topics, relayed, Clocks { now, wall }| {
            topics.check(now, &kind)?;
            let relay = &mut relayed.relay;
            relay.announce(now, wall, &topic, &key, [here, gone])
        })
    }

    /// Changes the event of a presence.
    pub(super) fn announce_again(&self, token: u64, here: Event) -> Result<(), PublishError> {
        self.give(|_, relayed, Clocks { now, wall }| {
            relayed.relay.announce_again(now, wall, token, here)
        })
    }

    /// Withdraws a presence.
    pub(super) fn withdraw(&self, token: u64) {
        // Without a relay there is nothing to withdraw from.
        let _ = self.give(|_, relayed, Clocks { now, wall }| {
            relayed.relay.withdraw(now, wall, token);
            Ok(())
        });
    }

    fn clocks(&self) -> Clocks {
        Clocks {
            now: self.clock.now(),
            wall: clock::milliseconds(),
        }
    }
}

impl Relayed {
    /// Takes the fact that the hub closes.
    pub(super) fn close(&mut self, closing: Closing) -> Vec<Waker> {
        match closing {
            Closing::Not => {}
            Closing::Spread | Closing::Gently => self.relay.refuse_new(),
            Closing::AtOnce => self.relay.close(),
        }
        let (mut waiting, _) = self.settle();
        waiting.extend(self.driver.take());
        waiting
    }

    /// Returns how many publications are not settled.
    pub(super) fn waiting(&self) -> usize {
        self.relay.health().waiting
    }

    /// Notes what became of publications. Returns the wakers of those that wait for that, and the IDs
    /// of those that are in the log.
    fn settle(&mut self) -> (Vec<Waker>, Vec<EventId>) {
        let (mut waiting, mut ids) = (Vec::new(), Vec::new());
        while let Some(outcome) = self.relay.poll_outcome() {
            ids.extend(outcome.result.ok());
            if let Some(slot) = self.slots.get_mut(&outcome.number) {
                if let Slot::Waits(waker) = core::mem::replace(slot, Slot::Done(outcome.result)) {
                    waiting.extend(waker);
                }
            }
        }
        (waiting, ids)
    }
}

impl OnItsWay {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<EventId, PublishError>> {
        let mut state = self.hub.lock();
        let relayed = state.relayed.as_mut();
        let slot = relayed.and_then(|relayed| relayed.slots.get_mut(&self.number));
        match slot {
            Some(Slot::Done(result)) => Poll::Ready(*result),
            Some(Slot::Waits(waker)) => {
                let before = waker.replace(cx.waker().clone());
                drop(state);
                drop(before);
                Poll::Pending
            }
            None => Poll::Ready(Err(PublishError::RelayClosed)),
        }
    }

    pub(super) fn id(&self) -> Option<EventId> {
        let state = self.hub.lock();
        match state.relayed.as_ref()?.slots.get(&self.number)? {
            Slot::Done(result) => result.ok(),
            Slot::Waits(_) => None,
        }
    }
}

impl fmt::Debug for OnItsWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnItsWay")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        let relayed = state.relayed.as_mut();
        let slot = relayed.and_then(|relayed| relayed.slots.remove(&self.number));
        drop(state);
        drop(slot);
    }
}
