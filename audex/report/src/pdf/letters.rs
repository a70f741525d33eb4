use crate::printable::{escaped, is_hidden};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::{
    FontRef, MetadataProvider,
    charmap::Charmap,
    instance::{LocationRef, Size},
    metrics::GlyphMetrics,
};

/// Lato, by Łukasz Dziedzic, under the SIL Open Font License 1.1: see `fonts/OFL.txt`.
const REGULAR: &[u8] = include_bytes!("../../fonts/Lato-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/Lato-Bold.ttf");

/// What stands for what was left out.
const LEFT_OUT: char = '…';

/// How thick letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The fonts: how wide text is, and of which glyphs it is made.
pub(super) struct Letters {
    regular: Face,
    bold: Face,
}

struct Face {
    font: Font,
    per_em: f32,
    charmap: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
}

impl Letters {
    pub(super) fn new() -> Option<Self> {
        Some(Self { regular: Face::new(REGULAR)?, bold: Face::new(BOLD)? })
    }

    pub(super) fn font(&self, weight: Weight) -> Font {
        self.face(weight).font.clone()
    }

    /// Returns how wide text is, at a size.
    pub(super) fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let face = self.face(weight);
        text.chars().map(|c| face.advance(c)).sum::<f32>() * size
    }

    /// Returns the glyphs of text: one for each character, from left to right.
    pub(super) fn glyphs(&self, text: &str, weight: Weight) -> Vec<KrillaGlyph> {
        let face = self.face(weight);
        let glyph = |(at, c): (usize, char)| {
            let id = face.charmap.map(c).unwrap_or_default();
            let range = at..at + c.len_utf8();
            KrillaGlyph::new(GlyphId::new(id.to_u32()), face.advance(c), 0.0, 0.0, 0.0, range, None)
        };
        text.char_indices().map(glyph).collect()
    }

    /// Writes as code points what cannot be written otherwise, or changes how the rest is read.
    pub(super) fn writable(&self, text: &str) -> String {
        let has = |c| self.regular.charmap.map(c).is_some() && self.bold.charmap.map(c).is_some();
        // What a font has no glyph for would be an empty box, and two names would look the same.
        escaped(text, |c| is_hidden(c) || !has(c)).into_owned()
    }

    /// Leaves the middle of a text out that is too wide: both ends of a name tell it from others.
    pub(super) fn fitted(&self, text: &str, weight: Weight, size: f32, most: f32) -> String {
        if self.width(text, weight, size) <= most {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let (mut start, mut end) = (0, letters.len());
        let mut left = most - self.width(&LEFT_OUT.to_string(), weight, size);
        let mut is_start = true;
        while start < end {
            let next = if is_start { letters.get(start) } else { letters.get(end - 1) };
            left -= next.map_or(0.0, |c| self.face(weight).advance(*c) * size);
            if left < 0.0 {
                break;
            }
            if is_start {
                start += 1
            } else {
                end -= 1
            }
            is_start = !is_start;
        }
        let (head, tail) = (letters.iter().take(start), letters.iter().skip(end));
        head.chain([&LEFT_OUT]).chain(tail).collect()
    }

    /// Breaks text into lines that are not too wide, between words.
    pub(super) fn lines(&self, text: &str, weight: Weight, size: f32, most: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, weight, size) <= most || line.is_empty() {
                line = longer;
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
        }
        lines.push(line);
        lines.iter().map(|line| self.fitted(line, weight, size, most)).collect()
    }

    const fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Face {
    fn new(data: &'static [u8]) -> Option<Self> {
        let face = FontRef::new(data).ok()?;
        let (size, location) = (Size::unscaled(), LocationRef::default());
        Some(Self {
            font: Font::new(data.to_vec().into(), 0)?,
            per_em: f32::from(face.metrics(size, location).units_per_em),
            charmap: face.charmap(),
            metrics: face.glyph_metrics(size, location),
        })
    }

    /// Returns how wide a character is, in parts of the size.
    fn advance(&self, c: char) -> f32 {
        let glyph = self.charmap.map(c).unwrap_or_default();
        self.metrics.advance_width(glyph).unwrap_or_default() / self.per_em
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_so_that_they_can_be_told_apart() {
        let letters = Letters::new().unwrap();
        for plain in ["alice@example.com", "Łukasz Ångström Ж Ω", "5 min – 1 h · ≥ 12 h …"] {
            assert_eq!(letters.writable(plain), plain);
        }
        assert_eq!(letters.writable("\u{202e}moc\u{0}"), "\\u{202e}moc\\u{0}");
        assert_eq!(letters.writable("👩\u{200d}💻 אב"), "\\u{1f469}\\u{200d}\\u{1f4bb} \\u{5d0}\\u{5d1}");
    }

    #[test]
    fn long_text_fits() {
        let letters = Letters::new().unwrap();
        let long = "arn:aws:iam::123456789012:role/a-role-with-quite-a-long-name-that-ends-in/Production";
        let fitted = letters.fitted(long, Weight::Regular, 9.0, 150.0);
        assert!(fitted.starts_with("arn:aws:iam") && fitted.ends_with("Production"), "{fitted}");
        assert!(letters.width(&fitted, Weight::Regular, 9.0) <= 150.0);
        assert_eq!(letters.fitted("abc", Weight::Bold, 9.0, 0.0), "…");
        let lines = letters.lines(&format!("one two {long} three"), Weight::Regular, 9.0, 100.0);
        assert_eq!((lines.len(), lines[0].as_str(), lines[2].as_str()), (3, "one two", "three"));
        assert!(lines.iter().all(|line| letters.width(line, Weight::Regular, 9.0) <= 100.0));
    }
}
