//! `-m pcap` beside real programs: the file holds the packets that were asked for, whole, in both
//! directions and at the right times, and no others. tshark reads it without a complaint.

mod decrypt;
mod live;
mod packets;
mod peers;
