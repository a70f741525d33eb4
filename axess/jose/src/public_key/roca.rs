/// Primes for which a modulus from a faulty key generator is always a power of 65,537 (CVE-2017-15361).
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65_537;

/// Tells whether a modulus looks like one of a chip whose RSA keys can be factored; practically no other does.
pub(super) fn is_suspect(n: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| {
        let rest = n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        // The powers repeat after at most `prime - 1` steps.
        (0..prime).any(|_| {
            power = power * (GENERATOR % prime) % prime;
            power == rest
        })
    })
}
