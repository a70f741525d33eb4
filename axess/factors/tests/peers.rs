//! Checks against programs other people wrote: `oathtool` computes codes, `zbarimg` reads QR codes.

#[cfg(test)]
mod peers {
    use axess_factors::{HmacAlgorithm, HotpConfig, TotpConfig};
    use axess_rng::{MockRng, SecureRng, random_below};
    use std::{io::Write, process::Command, time::Duration};

    /// Tells whether every program is there. A missing one is reported, and is a failure in CI.
    fn installed(test: &str, programs: &[&str]) -> bool {
        let missing = |program: &&&str| Command::new(program).arg("--version").output().is_err();
        let Some(program) = programs.iter().find(missing) else {
            return true;
        };
        let line = format!("{test}: {program} is not installed");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
        eprintln!("SKIPPED {line}");
        if let Some(path) = std::env::var_os("AXESS_SKIP_FILE") {
            let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
            writeln!(file, "{line}").unwrap();
        }
        false
    }

    fn output(command: &mut Command) -> String {
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn random_seed(rng: &MockRng) -> Vec<u8> {
        let length = 16 + random_below(rng, 49);
        let mut seed = vec![0; usize::try_from(length).unwrap()];
        rng.fill_bytes(&mut seed);
        seed
    }

    #[test]
    fn oathtool_computes_the_same_codes() {
        if !installed("oathtool_computes_the_same_codes", &["oathtool"]) {
            return;
        }
        let rng = MockRng::new(4226);
        for round in 0..200_u64 {
            let seed = random_seed(&rng);
            let hex = data_encoding::HEXLOWER.encode(&seed);
            let digits = u32::try_from(6 + random_below(&rng, 3)).unwrap();
            let algorithm = match round % 3 {
                0 => HmacAlgorithm::Sha1,
                1 => HmacAlgorithm::Sha256,
                _ => HmacAlgorithm::Sha512,
            };
            let period = 1 + random_below(&rng, 120);
            let seconds = random_below(&rng, 1 << 33);
            let totp = TotpConfig {
                digits,
                algorithm,
                period: Duration::from_secs(period),
                ..TotpConfig::new(seed.clone().into()).unwrap()
            };
            let now = chrono::DateTime::from_timestamp(i64::try_from(seconds).unwrap(), 0).unwrap();
            let theirs = output(Command::new("oathtool").args([
                format!("--totp={}", algorithm.as_str().to_lowercase()),
                format!("--digits={digits}"),
                format!("--time-step-size={period}s"),
                format!("--now=@{seconds}"),
                hex.clone(),
            ]));
            assert_eq!(totp.code_at(now).unwrap().expose(), theirs, "round {round}");

            let counter = random_below(&rng, u64::MAX >> random_below(&rng, 63));
            let hotp = HotpConfig { digits, ..HotpConfig::new(seed.into()).unwrap() };
            let theirs = output(Command::new("oathtool").args([
                "--hotp".to_owned(),
                format!("--digits={digits}"),
                format!("--counter={counter}"),
                hex,
            ]));
            assert_eq!(hotp.code_at(counter).expose(), theirs, "round {round}");
        }
    }

    #[cfg(feature = "qr")]
    #[test]
    fn a_qr_reader_reads_the_uri() {
        use axess_factors::OtpauthUri;
        if !installed("a_qr_reader_reads_the_uri", &["rsvg-convert", "zbarimg"]) {
            return;
        }
        let rng = MockRng::new(6238);
        let folder = tempfile::tempdir().unwrap();
        let (svg, png) = (folder.path().join("qr.svg"), folder.path().join("qr.png"));
        for (issuer, account) in
            [("Example", "alice@example.com"), ("Ä & B", "\"><script>"), ("長い名前", "a")]
        {
            let uri = OtpauthUri::totp(&TotpConfig::generate(&rng), issuer, account).unwrap();
            std::fs::write(&svg, uri.qr_svg().unwrap()).unwrap();
            output(Command::new("rsvg-convert").args(["--zoom=2", "--output"]).args([&png, &svg]));
            let read = output(Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&png));
            assert_eq!(read, uri.expose());
        }
    }
}
