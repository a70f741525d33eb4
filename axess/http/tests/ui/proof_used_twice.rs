use axess_factors::Verified;

fn twice(proof: Verified) -> (Verified, Verified) {
    (proof.clone(), proof)
}

fn main() {}
