use axess_factors::Verified;

fn twice(proof: Verified) -> (Verified, Verified) {
    (proof.clone(), proof)
}

fn main() {}

// A type is printed with its full path while another one has its name: whatever else is linked changes nothing.
mod same_names {
    pub struct Verified;
}
