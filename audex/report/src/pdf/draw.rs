//! Pages for krilla.

use super::{
    PdfFault,
    letters::Letters,
    sheets::{Bookmark, Colour, HEIGHT, MARGIN, Mark, WIDTH},
};
use crate::Report;
use chrono::{Datelike, Timelike};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Archival, ConfigurationBuilder},
    destination::XyzDestination,
    geom::{Path, PathBuilder, Point, Rect},
    metadata::{DateTime, Metadata},
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::Fill,
    surface::Surface,
};

/// How far the handles of a curve are from its ends, for a quarter of a circle.
const HANDLE: f32 = 0.448;

/// Draws pages, one after the other.
pub(super) fn draw(
    report: &Report,
    letters: &Letters,
    pages: &[Vec<Mark>],
    bookmarks: &[Bookmark],
) -> Result<Vec<u8>, PdfFault> {
    let refused =
        |error: &dyn std::fmt::Debug| PdfFault::Refused(format!("{error:?}").chars().take(500).collect());
    let configuration = ConfigurationBuilder::new().with_archival_validator(Archival::A2_U).finish();
    let configuration = configuration.map_err(|error| refused(&error))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    document.set_metadata(metadata(report));
    let mut outline = Outline::new();
    for (title, page, y) in bookmarks {
        let place = XyzDestination::new(*page, Point::from_xy(0.0, (*y - MARGIN / 2.0).max(0.0)));
        outline.push_child(OutlineNode::new(title.clone(), place));
    }
    document.set_outline(outline);
    for marks in pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT);
        let mut page = document.start_page_with(settings.unwrap_or_default());
        let mut surface = page.surface();
        marks.iter().for_each(|mark| put(&mut surface, letters, mark));
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| refused(&error))
}

fn metadata(report: &Report) -> Metadata {
    let at = report.generated_at;
    let small = |part: u32| u8::try_from(part).unwrap_or_default();
    let made = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(report.title.clone())
        .creator("audex".to_owned())
        .language("en".to_owned())
        .creation_date(made)
}

fn put(surface: &mut Surface<'_>, letters: &Letters, mark: &Mark) {
    match mark {
        Mark::Box { x, y, width, height, radius, colour } => {
            surface.set_fill(Some(fill(*colour)));
            if let Some(path) = rectangle(*x, *y, *width, *height, *radius) {
                surface.draw_path(&path);
            }
        }
        Mark::Text { x, y, text, ink } => {
            surface.set_fill(Some(fill(ink.colour)));
            let glyphs = letters.glyphs(text, ink.weight);
            let font = letters.font(ink.weight);
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font, text, ink.size, false);
        }
    }
}

fn fill((red, green, blue): Colour) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }
}

/// Returns the outline of a box; its corners are round where it has a radius.
fn rectangle(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    let r = radius.min(width / 2.0).min(height / 2.0);
    if r <= 0.0 {
        path.push_rect(Rect::from_xywh(x, y, width, height)?);
        return path.finish();
    }
    let (right, bottom, h) = (x + width, y + height, r * HANDLE);
    path.move_to(x + r, y);
    path.line_to(right - r, y);
    path.cubic_to(right - h, y, right, y + h, right, y + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - h, right - h, bottom, right - r, bottom);
    path.line_to(x + r, bottom);
    path.cubic_to(x + h, bottom, x, bottom - h, x, bottom - r);
    path.line_to(x, y + r);
    path.cubic_to(x, y + h, x + h, y, x + r, y);
    path.close();
    path.finish()
}
