//! What is written into the tables is read back, whatever it is.

use proptest::prelude::*;

use super::items::{history_id, history_name, seat_from, seat_item};
use crate::domain::control::StateRef;
use crate::domain::digest::Digest;
use crate::domain::seat::{Beat, BootId, Epoch, Incarnation, Seat};
use crate::domain::{Fence, StateName};

fn names() -> impl Strategy<Value = StateName> {
    (any::<u64>(), any::<u64>()).prop_map(|(epoch, seq)| StateName { epoch: Epoch(epoch), seq })
}

fn seats() -> impl Strategy<Value = Seat> {
    let agent = "[a-z][a-z0-9-]{0,20}[a-z0-9]";
    let beat = (agent, any::<u64>(), any::<u64>());
    (".{0,40}", any::<u64>(), prop::option::of(agent), any::<u32>(), beat, names()).prop_map(
        |(incarnation, epoch, holder, lease_ms, (by, boot, count), name)| Seat {
            incarnation: Incarnation(incarnation),
            epoch: Epoch(epoch),
            holder: holder.map(|name| name.parse().expect("a valid name")),
            lease_ms,
            beat: Beat { agent: by.parse().expect("a valid name"), boot: BootId(boot), count },
            committed: StateRef { name, digest: Digest::of(&boot.to_le_bytes()) },
        },
    )
}

proptest! {
    #[test]
    fn a_seat_survives_its_item(seat in seats()) {
        prop_assert_eq!(seat_from(&seat_item(&seat)).map_err(|e| e.to_string()), Ok(seat));
    }

    #[test]
    fn a_seat_without_one_of_its_attributes_is_damaged_and_never_absent(
        seat in seats(), which in any::<prop::sample::Index>()
    ) {
        let mut item = seat_item(&seat);
        item.remove("id");
        item.remove("holder");
        let names: Vec<String> = item.keys().cloned().collect();
        let gone = &names[which.index(names.len())];
        item.remove(gone);
        let refused = seat_from(&item).expect_err("an attribute is missing");
        prop_assert!(refused.to_string().contains(gone.as_str()), "{refused}: {gone}");
    }

    #[test]
    fn names_in_history_are_read_back_and_in_order(one in names(), other in names()) {
        prop_assert_eq!(history_name(&history_id(one)), Some(one));
        prop_assert_eq!(one.cmp(&other), history_id(one).cmp(&history_id(other)));
    }

    #[test]
    fn a_fence_survives_its_record_set(epoch in any::<u64>(), attempt in any::<u64>()) {
        let fleet = "demo".parse().expect("letters");
        let fence = Fence { fleet, epoch: Epoch(epoch), attempt };
        let name = "_regent-demo.example.".parse().expect("a name");
        prop_assert_eq!(Fence::in_record(&fence.record_set(&name)), Some(fence));
    }
}
