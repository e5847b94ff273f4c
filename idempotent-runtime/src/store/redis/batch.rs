//! Calls that go together. Calls that wait while earlier ones are under way share the next trip,
//! and one script per verb.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use redis::{Cmd, Pipeline, Value};

use super::{
    call::{Call, Verb},
    client::send_all,
    connection::SharedConnection,
    failure::{Failure, NAME, Sent},
    primary::SingleServer,
    reply::is_unknown,
    scripts::Scripts,
};
use crate::store::{StoreError, remote::Batches};

/// Number of trips that are under way at a time. With one, a call that comes right after another
/// would wait for two. With many, none would be shared.
const LANES: usize = 2;
/// Number of calls that share a script: nobody else is answered while it runs.
const MOST: usize = 64;
/// Bytes that the calls of a script bring together, unless one alone brings more.
const MOST_BYTES: usize = 1 << 20;

/// Answer to one of the calls that go together.
pub(super) type Answered = Result<Value, StoreError>;

/// Calls to one server, by the connection that everything shares.
pub(super) fn calls(
    server: Arc<SharedConnection<SingleServer>>,
    scripts: Arc<Scripts>,
) -> Batches<Call, Answered> {
    Batches::start_in_turns(NAME, LANES, MOST, move |calls| {
        let (server, scripts) = (Arc::clone(&server), Arc::clone(&scripts));
        async move { send(&server, &scripts, calls).await }
    })
}

/// Number of calls that are under way, by themselves or together.
#[derive(Default)]
pub(super) struct UnderWay(AtomicUsize);

/// Counts a call until it is dropped. Knows how many others there were when the call came.
pub(super) struct CountedCall<'a> {
    under_way: &'a UnderWay,
    others: usize,
}

impl UnderWay {
    /// Counts a call that has come. Callers that stand still in the midst of their calls are
    /// counted too. Then all others go by the lanes, which nobody holds up.
    pub(super) fn enter(&self) -> CountedCall<'_> {
        CountedCall { under_way: self, others: self.0.fetch_add(1, Relaxed) }
    }
}

impl CountedCall<'_> {
    pub(super) fn others(&self) -> usize {
        self.others
    }
}

impl Drop for CountedCall<'_> {
    fn drop(&mut self) {
        self.under_way.0.fetch_sub(1, Relaxed);
    }
}

//   sent by hash ─ answered ─▶ each call is given its answer
//    ├─ no connection, or no answer in time ─▶ all calls of the batch fail; each can be repeated
//    │                                         by its token
//    └─ the server does not know a script ─▶ the calls of that script, which have done nothing,
//                                            are sent again with its text
async fn send(
    server: &Arc<SharedConnection<SingleServer>>,
    scripts: &Scripts,
    calls: Vec<Call>,
) -> Result<Vec<Answered>, StoreError> {
    let groups = Groups::of(&calls);
    let by_hash = groups.commands(|calls| scripts.by_hash(calls));
    let (mut replies, mut sent) = send_all(server, by_hash).await?;
    let unknown: Vec<usize> = (0..replies.len()).filter(|place| is_unknown(&replies[*place])).collect();
    if !unknown.is_empty() {
        let by_text = groups.some(&unknown).commands(|calls| scripts.by_text(calls));
        let (again, sent_again) = send_all(server, by_text).await?;
        sent = sent.max(sent_again);
        unknown.into_iter().zip(again).for_each(|(place, reply)| replies[place] = reply);
    }
    Ok(groups.answers(replies).into_iter().map(|answer| answered(answer, sent)).collect())
}

/// Answer to one call of several, after the number of tries that `sent` says.
pub(super) fn answered(answer: Value, sent: Sent) -> Answered {
    answer.extract_error().map_err(|error| Failure::of(error, sent).into())
}

/// Calls that go in one command, each with its place among all.
#[derive(Clone)]
struct Group<'a> {
    calls: Vec<(usize, &'a Call)>,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn of(place: usize, call: &'a Call) -> Self {
        Group { calls: vec![(place, call)], bytes: call.bytes() }
    }

    /// Takes a call in, if it can go in one command with the others.
    fn takes(&mut self, place: usize, call: &'a Call) -> bool {
        let bytes = self.bytes + call.bytes();
        let has_room = self.calls.len() < MOST && bytes <= MOST_BYTES;
        let takes = has_room && call.verb.goes_together() && call.verb == self.verb();
        if takes {
            self.calls.push((place, call));
            self.bytes = bytes;
        }
        takes
    }

    fn verb(&self) -> Verb {
        self.calls[0].1.verb
    }
}

/// Calls, put together so that each group is one command.
pub(super) struct Groups<'a>(Vec<Group<'a>>);

impl<'a> Groups<'a> {
    pub(super) fn of(calls: &'a [Call]) -> Self {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            if !groups.iter_mut().any(|group| group.takes(place, call)) {
                groups.push(Group::of(place, call));
            }
        }
        Groups(groups)
    }

    /// The groups at these places.
    fn some(&self, places: &[usize]) -> Self {
        Groups(places.iter().map(|place| self.0[*place].clone()).collect())
    }

    pub(super) fn commands(&self, command: impl Fn(&[&Call]) -> Cmd) -> Pipeline {
        let mut all = Pipeline::with_capacity(self.0.len());
        for group in &self.0 {
            let calls: Vec<&Call> = group.calls.iter().map(|(_, call)| *call).collect();
            all.add_command(command(&calls));
        }
        all
    }

    /// Each call's answer, in the order of the calls, from one reply per group.
    pub(super) fn answers(&self, replies: Vec<Value>) -> Vec<Value> {
        let calls = self.0.iter().map(|group| group.calls.len()).sum();
        let mut all = vec![Value::Nil; calls];
        for (group, reply) in self.0.iter().zip(replies) {
            match reply {
                Value::Array(answers) if group.verb().goes_together() => {
                    group.calls.iter().zip(answers).for_each(|((place, _), answer)| all[*place] = answer);
                }
                // One reply for all: an error, or the answer that each gets.
                reply => group.calls.iter().for_each(|(place, _)| all[*place] = reply.clone()),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OnAbandoned;

    fn sizes(of_calls: &[usize]) -> Vec<usize> {
        let call =
            |bytes: &usize| Call { verb: Verb::Complete, key: Vec::new(), arguments: vec![vec![0; *bytes]] };
        let calls: Vec<Call> = of_calls.iter().map(call).collect();
        Groups::of(&calls).0.iter().map(|group| group.calls.len()).collect()
    }

    #[test]
    fn one_answer_is_each_calls_and_several_are_each_its_own() {
        let call = || Call { verb: Verb::Claim(OnAbandoned::Refuse), key: Vec::new(), arguments: Vec::new() };
        let calls = [call(), call(), call()];
        let answers = |reply| Groups::of(&calls).answers(vec![reply]);
        let one = Value::BulkString(b"won 1".to_vec());
        assert_eq!(answers(one.clone()), [one.clone(), one.clone(), one.clone()]);
        let others = vec![one, Value::BulkString(b"reused".to_vec()), Value::Nil];
        assert_eq!(answers(Value::Array(others.clone())), others);
    }

    #[test]
    fn a_script_brings_a_bounded_number_of_calls_and_bytes_or_one_call() {
        assert_eq!(sizes(&[300; MOST + 1]), [MOST, 1]);
        assert_eq!(sizes(&[MOST_BYTES / 2, MOST_BYTES / 2, 1]), [2, 1]);
        assert_eq!(sizes(&[2 * MOST_BYTES, 1, 2 * MOST_BYTES]), [1, 1, 1]);
    }
}
