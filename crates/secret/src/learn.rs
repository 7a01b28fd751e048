//! Where connections of one file keep their secrets, learned from connections whose secrets are
//! known: what was handed over for the log is searched for in the connection itself.
//!
//! Only what lies at the same place in every connection that was looked at is believed. Libraries
//! that keep the secrets of TLS 1.3 in the connection's own memory have a place for the client's
//! and one for the server's. Behind a pointer they keep one for what is read and one for what is
//! written: which of them is the client's depends on the side, so each side is learned by itself
//! and told by the code that its connections point to.

use abi::Label;

use crate::place::{self, Place, Process, Room, Side};
use crate::{Secret, Source};

/// Looks into connections.
const TRIES: u32 = 256;
/// Sides are two; a program may point to code of its own.
const SIDES_MAX: usize = 4;

/// Where everything is that an older connection can be read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// ClientHello.random.
    pub random: Place,
    /// CLIENT_TRAFFIC_SECRET_0.
    pub client: Place,
    /// SERVER_TRAFFIC_SECRET_0.
    pub server: Place,
    /// EXPORTER_SECRET.
    pub exporter: Option<Place>,
    /// The master secret of TLS 1.2.
    pub master: Option<Place>,
    /// What holds each secret of TLS 1.3.
    pub room: Room,
    /// The only connections for which this holds; `None`: all.
    pub side: Option<Side>,
}

impl Layout {
    /// As the kernel half reads it; `version` is 1 for what is told of a file first.
    pub fn to_abi(&self, version: u32) -> abi::Layout {
        let flag = |known: bool, flag: abi::LayoutFlag| if known { flag as u8 } else { 0 };
        let chain = |place: Option<Place>| place.map(Place::to_abi).unwrap_or_default();
        abi::Layout {
            random: self.random.to_abi(),
            client: self.client.to_abi(),
            server: self.server.to_abi(),
            exporter: chain(self.exporter),
            master: chain(self.master),
            version,
            side_at: self.side.map_or(0, |side| side.at),
            flags: flag(self.exporter.is_some(), abi::LayoutFlag::Exporter)
                | flag(self.master.is_some(), abi::LayoutFlag::Master)
                | flag(self.side.is_some(), abi::LayoutFlag::Sided)
                | flag(self.room != Room::Large, abi::LayoutFlag::Tight)
                | flag(self.room == Room::Counted, abi::LayoutFlag::Counted),
            ..abi::Layout::default()
        }
    }
}

/// What was learned of one file.
#[derive(Debug, Default)]
pub struct Lesson {
    random: Places,
    exporter: Places,
    master: Places,
    /// The first that was met.
    room: Option<Room>,
    sides: Vec<(Option<Side>, Pair)>,
    tries: u32,
}

/// The secrets of TLS 1.3 in connections of one side, or of both.
#[derive(Debug, Default)]
struct Pair {
    client: Places,
    server: Places,
    told: Option<Layout>,
}

/// A secret in its connection.
struct Found {
    places: Vec<Place>,
    /// What holds it, if it is one of TLS 1.3.
    room: Option<Room>,
    /// The connection's side, if that matters.
    side: Option<Side>,
}

/// Where a value was found each time.
#[derive(Debug, Default)]
struct Places(Option<Vec<Place>>);

/// A connection that does not have what it was looked into for: it is gone, or it does not have it
/// yet.
#[derive(Debug, PartialEq, Eq)]
pub struct NotThere;

impl Lesson {
    /// Looks for a secret in its connection. Answers the layouts about which more is known than
    /// before.
    pub fn learn(
        &mut self,
        secret: &Secret,
        process: &mut dyn Process,
    ) -> Result<Vec<Layout>, NotThere> {
        if secret.source != Source::Logged || self.tries >= TRIES || self.knows(secret.label) {
            return Ok(Vec::new());
        }
        self.tries += 1;
        let object = place::object(secret.head.conn, process).ok_or(NotThere)?;
        let Found { places, room, side } = match secret.label {
            Label::ClientRandom => {
                let places = place::bytes(&object, secret.bytes(), process);
                Found { places, room: None, side: None }
            }
            _ => self.of_traffic(&object, secret, process)?,
        };
        if places.is_empty() {
            return Err(NotThere);
        }
        let randoms = place::bytes(&object, &secret.client_random, process);
        if randoms.is_empty() {
            return Err(NotThere);
        }
        match secret.label {
            Label::ClientRandom => self.master.meet(places),
            Label::ExporterSecret => self.exporter.meet(places),
            label => {
                let Some(pair) = self.pair(side) else { return Ok(Vec::new()) };
                match label {
                    Label::ClientTrafficSecret0 => pair.client.meet(places),
                    _ => pair.server.meet(places),
                }
            }
        }
        self.room = self.room.or(room);
        self.random.meet(randoms);
        Ok(self.news())
    }

    /// A secret of TLS 1.3.
    fn of_traffic(
        &self,
        object: &[u8],
        secret: &Secret,
        process: &mut dyn Process,
    ) -> Result<Found, NotThere> {
        let mut found = place::secrets(object, secret.bytes(), process);
        let room = self.room.or(found.first().map(|(_, room)| *room));
        found.retain(|(_, of)| Some(*of) == room);
        let side = match room {
            None | Some(Room::Large) => None,
            Some(_) => Some(place::side(object, process).ok_or(NotThere)?),
        };
        Ok(Found { places: found.into_iter().map(|(place, _)| place).collect(), room, side })
    }

    /// Whether a secret with this label has nothing to teach.
    fn knows(&self, label: Label) -> bool {
        let told = self.sides.iter().any(|(_, pair)| pair.told.is_some());
        match label {
            Label::ClientTrafficSecret0 | Label::ServerTrafficSecret0 => {
                told && self.sides.iter().all(|(side, _)| side.is_none())
            }
            Label::ExporterSecret => told && self.exporter.is_settled(),
            Label::ClientRandom => told && self.master.is_settled(),
            _ => true,
        }
    }

    fn pair(&mut self, side: Option<Side>) -> Option<&mut Pair> {
        let known = self.sides.iter().position(|(known, _)| *known == side);
        if known.is_none() && self.sides.len() < SIDES_MAX {
            self.sides.push((side, Pair::default()));
        }
        let known = known.or_else(|| self.sides.iter().position(|(known, _)| *known == side))?;
        self.sides.get_mut(known).map(|(_, pair)| pair)
    }

    fn news(&mut self) -> Vec<Layout> {
        let (Some(random), Some(room)) = (self.random.only(), self.room) else {
            return Vec::new();
        };
        let (exporter, master) = (self.exporter.only(), self.master.only());
        let mut news = Vec::new();
        for (side, pair) in &mut self.sides {
            let (Some(client), Some(server)) = (pair.client.only(), pair.server.only()) else {
                continue;
            };
            let layout = Layout { random, client, server, exporter, master, room, side: *side };
            if client != server && pair.told.replace(layout) != Some(layout) {
                news.push(layout);
            }
        }
        news
    }
}

impl Places {
    fn meet(&mut self, found: Vec<Place>) {
        match &mut self.0 {
            Some(known) => known.retain(|place| found.contains(place)),
            unknown => *unknown = Some(found),
        }
    }

    fn only(&self) -> Option<Place> {
        match self.0.as_deref() {
            Some([place]) => Some(*place),
            _ => None,
        }
    }

    /// Nothing that comes will make it known.
    fn is_settled(&self) -> bool {
        self.0.as_ref().is_some_and(|places| places.len() < 2)
    }
}

#[cfg(test)]
mod tests {
    use abi::Kind;

    use super::*;
    use crate::place::Code;

    /// A process's memory: a connection, and what it points to.
    struct Memory(Vec<(u64, Vec<u8>)>);

    impl Memory {
        fn copy(&self, at: u64, into: &mut [u8]) -> usize {
            let held = self.0.iter().find_map(|(start, bytes)| {
                bytes.get(usize::try_from(at.checked_sub(*start)?).ok()?..)
            });
            let held = held.unwrap_or_default();
            let len = held.len().min(into.len());
            into[..len].copy_from_slice(&held[..len]);
            len
        }

        /// A connection with these secrets in it, and its master key behind a pointer.
        fn of(random: u8, secrets: [u8; 3], shift: usize) -> Self {
            let (mut conn, mut session) = (vec![0; 3000], vec![0; 200]);
            conn[8..16].copy_from_slice(&0x20_0000u64.to_le_bytes());
            conn[0x160..0x180].fill(random);
            for (index, secret) in secrets.into_iter().enumerate() {
                let at = 0x744 + shift + index * 0x40;
                conn[at..at + 32].fill(secret);
            }
            session[0x50..0x80].fill(77);
            Self(vec![(0x10_0000, conn), (0x20_0000, session)])
        }
    }

    fn secret(label: Label, random: u8, byte: u8, len: u8) -> Secret {
        let mut raw = abi::Secret { secret: [byte; 48], secret_len: len, ..abi::Secret::default() };
        (raw.head.kind, raw.head.conn) = (Kind::Secret as u8, 0x10_0000);
        (raw.label, raw.source, raw.client_random) = (label as u8, 1, [random; 32]);
        Secret::decode(&raw.to_bytes()).unwrap()
    }

    const LABELS: [Label; 3] =
        [Label::ClientTrafficSecret0, Label::ServerTrafficSecret0, Label::ExporterSecret];

    impl Process for &Memory {
        fn read(&mut self, at: u64, into: &mut [u8]) -> usize {
            self.copy(at, into)
        }

        fn code(&mut self, at: u64) -> Option<Code> {
            (0x40_0000..0x50_0000).contains(&at).then_some(Code { file: (1, 2, 3), offset: at })
        }
    }

    fn learn(lesson: &mut Lesson, mut memory: &Memory, of: &Secret) -> Option<Layout> {
        lesson.learn(of, &mut memory).unwrap_or_default().first().copied()
    }

    #[test]
    fn a_handshake_tells_where_everything_is() {
        let (mut lesson, memory) = (Lesson::default(), Memory::of(5, [6, 7, 8], 0));
        let keys = [6, 7, 8].map(|byte| secret(LABELS[usize::from(byte) - 6], 5, byte, 32));
        assert_eq!(learn(&mut lesson, &memory, &keys[0]), None);
        let layout = learn(&mut lesson, &memory, &keys[1]).unwrap();
        assert_eq!(layout.random, Place::Inside(0x160));
        assert_eq!((layout.client, layout.server), (Place::Inside(0x744), Place::Inside(0x784)));
        let layout = learn(&mut lesson, &memory, &keys[2]).unwrap();
        assert_eq!((layout.exporter, layout.master), (Some(Place::Inside(0x7c4)), None));
        let master = secret(Label::ClientRandom, 5, 77, 48);
        let layout = learn(&mut lesson, &memory, &master).unwrap();
        assert_eq!(layout.master, Some(Place::Behind(8, 0x50)));
        assert_eq!(learn(&mut lesson, &memory, &master), None, "nothing new");
    }

    #[test]
    fn what_moves_is_not_believed() {
        let mut lesson = Lesson::default();
        let first = Memory::of(5, [6, 7, 8], 0);
        learn(&mut lesson, &first, &secret(LABELS[0], 5, 6, 32));
        // Another connection of the same file keeps it elsewhere.
        let other = Memory::of(15, [16, 17, 18], 8);
        learn(&mut lesson, &other, &secret(LABELS[0], 15, 16, 32));
        assert_eq!(learn(&mut lesson, &other, &secret(LABELS[1], 15, 17, 32)), None);
        assert_eq!(lesson.sides[0].1.client.only(), None);
    }

    #[test]
    fn a_connection_that_is_gone_or_says_nothing_teaches_nothing() {
        let mut lesson = Lesson::default();
        let gone = Memory(Vec::new());
        let of = secret(LABELS[0], 5, 6, 32);
        assert_eq!(lesson.learn(&of, &mut &gone), Err(NotThere));
        let mut full = Memory::of(5, [6, 7, 8], 0);
        // Not a buffer of 64 bytes that only holds this.
        full.0[0].1[0x744 + 40] = 1;
        assert_eq!(lesson.learn(&of, &mut &full), Err(NotThere));
        assert!(lesson.sides.is_empty());
    }

    /// A connection of a library that keeps a secret for what is read and one for what is written,
    /// each with a byte that counts, and TLS 1.2's behind two pointers.
    fn by_direction(server: bool, [read, written]: [u8; 2]) -> Memory {
        let (mut conn, mut state, mut session) = (vec![0; 400], vec![0; 900], vec![0; 200]);
        let code: u64 = if server { 0x40_0100 } else { 0x40_0200 };
        conn[0x28..0x30].copy_from_slice(&code.to_le_bytes());
        conn[0x30..0x38].copy_from_slice(&0x20_0000u64.to_le_bytes());
        state[0x30..0x50].fill(5);
        state[0x80..0x88].copy_from_slice(&0x30_0000u64.to_le_bytes());
        for (at, secret) in [(0x201, written), (0x232, read)] {
            state[at..at + 32].fill(secret);
            state[at + 32..at + 48].fill(0xaa);
            state[at + 48] = 32;
        }
        session[0x10..0x40].fill(77);
        Memory(vec![(0x10_0000, conn), (0x20_0000, state), (0x30_0000, session)])
    }

    #[test]
    fn what_depends_on_the_side_is_learned_for_each() {
        let mut lesson = Lesson::default();
        let (client, server) = (by_direction(false, [7, 6]), by_direction(true, [6, 7]));
        let [of_client, of_server, _] =
            [0, 1, 2].map(|at| secret(LABELS[at], 5, [6, 7, 8][at], 32));
        assert_eq!(learn(&mut lesson, &client, &of_client), None);
        let layout = learn(&mut lesson, &client, &of_server).unwrap();
        let written_and_read = (Place::Behind(0x30, 0x201), Place::Behind(0x30, 0x232));
        assert_eq!((layout.client, layout.server), written_and_read);
        assert_eq!((layout.random, layout.room), (Place::Behind(0x30, 0x30), Room::Counted));
        let side = |offset| Some(Side { at: 0x28, code: Code { file: (1, 2, 3), offset } });
        assert_eq!(layout.side, side(0x40_0200));
        // The other side says the same of itself, the other way round.
        assert_eq!(learn(&mut lesson, &server, &of_client), None);
        let layout = learn(&mut lesson, &server, &of_server).unwrap();
        assert_eq!((layout.server, layout.client), written_and_read);
        assert_eq!(layout.side, side(0x40_0100));
        let master = secret(Label::ClientRandom, 5, 77, 48);
        let both = lesson.learn(&master, &mut &client).unwrap();
        let deep = Some(Place::Deep(0x30, 0x80, 0x10));
        assert_eq!(both.iter().map(|layout| layout.master).collect::<Vec<_>>(), [deep, deep]);
    }

    #[test]
    fn the_memory_behind_a_connection_is_not_its_own() {
        let (mut lesson, mut client) = (Lesson::default(), by_direction(false, [7, 6]));
        // A packet with the random stands next to it.
        client.0[0].1.resize(600, 0);
        client.0[0].1[500..532].fill(5);
        let mut sized = client.0.remove(0).1;
        sized.splice(0..0, (400u64 | 1).to_le_bytes());
        client.0.push((0x10_0000 - 8, sized));
        learn(&mut lesson, &client, &secret(LABELS[0], 5, 6, 32));
        let layout = learn(&mut lesson, &client, &secret(LABELS[1], 5, 7, 32)).unwrap();
        assert_eq!(layout.random, Place::Behind(0x30, 0x30));
    }

    #[test]
    fn a_connection_that_does_not_tell_its_side_teaches_nothing() {
        let (mut lesson, mut client) = (Lesson::default(), by_direction(false, [7, 6]));
        client.0[0].1[0x28..0x30].fill(0);
        let of = secret(LABELS[0], 5, 6, 32);
        assert_eq!(lesson.learn(&of, &mut &client), Err(NotThere));
    }
}
